//! What may be claimed ahead, and the edges of the schedule.

use super::*;

fn with_sent(limit: u32, sent: u64) -> Lane {
    let mut lane = Lane::new(limit);
    for i in 0..sent {
        assert_eq!(lane.try_take(ms(i * 5)), Ok(()));
    }
    lane
}

#[test]
fn as_many_are_claimed_ahead_as_permits_are_free_and_two_where_one_comes_back_within_a_second() {
    let mut lane = with_sent(10, 3);
    assert_eq!((lane.soon(ms(20)), lane.out()), (7, 3));
    lane.replied(ms(100));
    assert_eq!((lane.soon(ms(100)), lane.out()), (7, 2), "in 1,001 ms");
    assert_eq!(lane.soon(ms(101)), 9, "in 1,000 ms");
    assert_eq!(lane.soon(ms(1_101)), 8, "it is back");
    let mut full = with_sent(1, 1);
    assert_eq!(full.soon(ms(10)), 0);
}

#[test]
fn a_lane_that_was_told_to_wait_claims_nothing_until_a_second_before() {
    let mut lane = with_sent(10, 1);
    lane.replied(ms(0));
    lane.throttled(ms(0), Some(Duration::from_secs(4)));
    for (at, want) in [(0, 0), (2_999, 0), (3_000, 5), (4_001, 5)] {
        assert_eq!(lane.soon(ms(at)), want, "{at} ms");
    }
}

#[test]
fn one_is_claimed_ahead_after_three_timeouts() {
    let mut lane = with_sent(10, 3);
    for (timeouts, want) in [(1, 7), (2, 7), (3, 1)] {
        lane.given_up(ms(100), true);
        assert_eq!(lane.soon(ms(100)), want, "{timeouts} timeouts");
    }
}

#[test]
fn a_request_that_was_never_connected_gives_its_permit_back_at_once() {
    let mut lane = with_sent(1, 1);
    lane.not_sent(ms(7));
    assert_eq!(lane.try_take(ms(7)), Ok(()));
}

#[test]
fn a_send_that_is_late_by_a_whole_slot_begins_the_schedule_anew() {
    let mut lane = with_sent(10, 1);
    // The slot was at 5 ms.
    assert_eq!(lane.try_take(ms(10)), Ok(()));
    assert_eq!(lane.try_take(ms(14)), Err(Wait::Until(ms(15))));
}
