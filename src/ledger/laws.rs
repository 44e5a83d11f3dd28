//! The contract suite: what every database must do to be a [`Ledger`], each claim named after its
//! law. An engine runs it with `contract!`; after each claim its books must verify.

pub(in crate::ledger) mod acceptance;
pub(in crate::ledger) mod answers;
pub(in crate::ledger) mod before;
pub(in crate::ledger) mod chain;
pub(in crate::ledger) mod decisions;
pub(in crate::ledger) mod failed;
pub(in crate::ledger) mod fixture;
pub(in crate::ledger) mod groups;
pub(in crate::ledger) mod history;
pub(in crate::ledger) mod late;
pub(in crate::ledger) mod listed;
pub(in crate::ledger) mod notes;
pub(in crate::ledger) mod plans;
pub(in crate::ledger) mod random;
pub(in crate::ledger) mod reconcile;
pub(in crate::ledger) mod refused;
pub(in crate::ledger) mod reissue;
pub(in crate::ledger) mod rerun;
pub(in crate::ledger) mod restored;
pub(in crate::ledger) mod results;
pub(in crate::ledger) mod shared;
pub(in crate::ledger) mod writes;

pub(in crate::ledger) use fixture::Engine;

/// Runs the whole suite on an engine that `$make` makes anew for each claim.
macro_rules! contract {
    ($make:expr; $($module:ident: $($law:ident,)+;)+) => {$(
        mod $module {
            $(
                #[test]
                fn $law() {
                    let engine = $make;
                    $crate::ledger::laws::$module::$law(&engine);
                    let wrong = $crate::ledger::laws::Engine::verify(&engine);
                    assert!(wrong.is_empty(), "{wrong:?}");
                }
            )+
        }
    )+};
}
pub(in crate::ledger) use contract;

/// Names every claim of the suite once, so that no engine can leave one out.
macro_rules! contract_suite {
    ($make:expr) => {
        $crate::ledger::laws::contract! { $make;
            acceptance:
                l2_a_number_that_is_known_with_the_same_content_is_a_repeat,
                l2_a_number_that_is_known_with_another_content_is_a_conflict_and_freezes_the_unsent,
                l2_a_sent_order_is_not_frozen_by_a_conflict,
                l2_a_number_with_two_contents_in_one_file_is_sent_for_neither,
                l2_of_a_clash_in_a_file_only_what_the_ledger_had_is_kept,
                l2_a_derived_number_that_another_row_took_is_a_clash,
                derived_numbers_are_the_same_in_every_file,
                derived_numbers_count_on_from_piece_to_piece,
                the_second_of_two_identical_rows_without_number_is_held,
                an_order_is_held_by_what_is_alive_or_succeeded_within_the_days,
                invalid_rows_claim_nothing,
                a_batch_is_accepted_once,
                l9_a_batch_that_was_not_accepted_leaves_nothing_behind,
                rows_that_were_not_all_staged_are_not_accepted,;
            chain:
                a_row_that_comes_back_unchanged_is_its_order,
                a_row_that_comes_back_changed_replaces_only_what_is_provably_out_of_the_world,
                a_changed_row_is_told_from_the_row_that_it_now_equals,
                a_change_that_is_given_twice_is_one_change,
                a_changed_row_takes_no_number_from_a_row_without_one,
                a_number_that_this_ledger_does_not_know_is_a_fault_of_the_row,
                a_changed_row_that_comes_back_again_is_what_it_became,
                a_row_that_asks_for_an_order_unchanged_does_not_lose_it_to_a_changed_copy,
                a_superseded_order_is_not_issued_again,;
            reissue:
                l5_only_what_is_recorded_as_dead_is_issued_again,
                l5_a_child_is_issued_once_however_often_it_is_asked_for,
                l5_a_chain_goes_on_from_its_newest_order,
                l5_a_child_is_held_by_another_order_for_the_same_debt_and_not_by_its_own_chain,
                l5_a_superseded_deduction_is_not_issued_again,
                l5_a_number_that_is_taken_is_reported_and_nothing_is_issued,
                a_child_belongs_to_the_batch_that_was_asked_for,
                only_the_dead_that_were_asked_for_are_issued_again,
                l5_what_two_people_resolved_as_failed_is_issued_again_31_days_on_and_once,
                l5_what_is_still_worked_on_after_people_called_it_dead_is_not_issued_again,
                l5_what_was_called_paid_after_all_is_deducted_under_no_other_number,
                l5_a_reply_of_weeks_ago_does_not_shorten_the_31_days,;
            before:
                l5_a_child_is_held_by_what_paid_the_debt_however_long_ago,
                l5_what_people_called_dead_is_dealt_for_a_query_before_its_open_reissue,
                l5_what_people_called_dead_is_dealt_for_a_query_before_what_took_its_place,
                l5_a_clock_that_was_ahead_while_a_child_was_issued_does_not_send_it_early,
                l5_what_takes_the_place_of_an_early_child_waits_as_it_did,
                l5_a_child_waits_while_its_parent_is_worked_on,
                l5_a_number_that_was_paid_keeps_its_child_back_within_one_commit,
                l5_what_is_not_sent_since_an_earlier_number_was_paid_is_told_to_a_person,
                l5_what_was_closed_or_refused_beside_a_paid_number_is_told_to_a_person,
                l5_a_paid_number_is_found_through_several_changes_and_reissues,
                l5_another_tools_failed_is_worth_no_new_number_while_it_is_worked_on,;
            rerun:
                a_refused_order_is_dealt_only_to_a_rerun_that_asks_for_it,
                l5_a_refused_order_is_not_submitted_again_beside_its_twin,
                a_held_order_is_released_by_a_person_and_by_nobody_else,
                a_rehearsal_says_what_a_rerun_would_do_and_leaves_nothing,
                l4_open_orders_are_told_by_the_time_of_their_first_send,;
            refused:
                l5_a_refused_order_is_not_submitted_again_beside_a_younger_one_in_other_words,
                l5_a_refused_order_is_submitted_again_beside_what_is_no_correction_of_it,
                l5_a_mended_row_is_held_by_a_younger_one_in_other_words,
                l5_after_a_restore_a_refused_order_is_not_submitted_beside_its_twin,
                l5_what_was_refused_before_a_restore_gets_no_new_number_on_peoples_word,
                l5_a_restore_stops_no_mended_row_that_the_backup_had,
                l3_what_is_not_submitted_any_more_is_asked_for_all_the_same,
                l2_a_mended_row_takes_the_place_of_what_was_refused_signed_or_not,;
            groups:
                a_group_is_written_whole_or_not_at_all,
                l3_a_group_comes_out_as_its_writes_one_by_one,;
            writes:
                l1_an_intent_is_in_the_ledger_when_the_permission_is_given,
                l1_only_a_connection_that_was_never_made_gives_the_unsent_state_back,
                l1_a_submission_that_is_still_out_keeps_its_order_sent,
                l1_the_first_send_is_the_earliest_of_local_and_signed_time,
                l2_a_claim_that_knows_the_order_otherwise_is_refused,
                a_claim_in_a_state_that_forbids_it_is_refused,
                l3_only_a_verified_reply_settles,
                l3_a_final_order_never_changes_and_keeps_the_reply_that_settled_it,
                submissions_that_may_have_been_accepted_are_counted,
                l6_recent_sends_are_told_with_their_replies,
                the_latest_signed_time_never_goes_back,
                cancelling_withdraws_what_was_never_sent_and_leaves_the_rest,;
            results:
                l7_every_row_stands_in_the_result_once_in_input_order,
                l7_rows_add_up_by_status_and_money_by_order,
                l7_an_order_of_another_file_adds_up_once_however_many_rows_show_it,
                l7_a_report_tells_every_order_row_and_request_once,
                a_lane_has_the_open_orders_of_a_batchs_rows_and_its_own_unsent_ones,
                alerts_reach_the_note,
                a_close_that_no_run_could_prove_is_given_to_a_person,;
            decisions:
                the_journals_head_moves_with_every_entry_and_with_nothing_else,
                a_frozen_ledger_writes_no_intent_until_it_is_unfrozen,
                two_people_resolve_only_what_was_sent_and_is_not_settled,
                what_people_resolved_shows_in_rows_and_sums,
                a_resolved_order_is_driven_by_no_run_and_submitted_by_none,
                l3_a_verified_answer_wins_over_what_people_found_out,
                an_overview_counts_each_deduction_once_and_names_what_is_pressing,
                the_story_of_an_order_has_all_that_is_known_of_it,;
            listed:
                l7_every_row_of_a_list_and_every_order_of_the_scope_is_told_once,
                a_row_of_a_list_means_the_order_with_its_number_or_what_stands_for_it,
                l5_a_second_order_for_the_debt_of_a_row_is_told_beside_it,
                l5_an_order_that_succeeded_beside_its_reissue_is_told_as_a_second_one,
                a_list_is_asked_only_for_the_orders_of_its_period_or_batch,
                a_comparison_that_cannot_be_written_out_ends_and_leaves_nothing_behind,;
            reconcile:
                l3_only_what_a_query_cannot_close_is_dealt_to_be_compared,
                l3_a_final_order_shows_what_settled_it_and_what_it_was_told_since,
                what_was_deducted_or_numbered_twice_names_the_other,;
            answers:
                l3_an_answer_that_cannot_be_one_to_its_attempt_is_refused,
                l9_a_reply_with_a_nul_in_it_is_recorded,
                l2_a_changed_row_with_a_number_gets_the_one_that_its_new_content_derives,;
            notes:
                a_change_under_a_number_of_its_own_that_is_given_twice_is_one_change,
                l2_a_clash_in_a_file_is_told_with_the_line_and_the_field_that_differs,;
            failed:
                l2_a_row_of_a_failed_file_that_nobody_mended_is_its_order,
                l5_a_mended_row_takes_the_place_of_an_order_that_stands_refused_once,
                l5_a_refused_order_that_may_have_been_accepted_is_not_replaced,
                l5_a_row_that_asks_for_a_new_number_gets_one_once,
                l5_levy_reissue_gives_nothing_a_new_number_that_is_not_dead,
                l5_a_wish_that_was_in_vain_is_not_kept,
                l5_a_held_order_that_came_back_in_other_words_is_held_again,
                l2_a_row_is_changed_or_issued_again_and_not_both,
                l5_what_is_undecided_stays_so_until_somebody_decides,
                l5_whoever_comes_second_with_a_mend_is_not_told_to_deduct_it_beside,
                l7_a_row_that_was_never_an_order_is_held_beside_its_twin,
                l7_what_came_back_and_is_no_order_keeps_the_number_that_it_came_back_with,;
            history:
                l2_a_batch_with_rows_that_are_no_orders_is_no_history,
                l3_another_tools_word_settles_nothing_and_a_verified_answer_wins,
                l3_no_refusal_and_no_missing_connection_makes_an_imported_number_unsent,
                l4_an_imported_number_has_the_window_of_its_first_send_and_no_send_of_ours,
                l4_a_number_that_waits_unsent_counts_as_sent_once_a_history_has_it,
                l5_a_number_that_was_refused_here_is_taken_over_from_no_history,
                l5_an_imported_number_is_not_submitted_beside_one_that_paid_its_debt,
                l5_what_another_tool_calls_failed_is_issued_again_31_days_after_its_first_send,
                l2_a_history_is_taken_over_whole_or_not_at_all,
                a_history_that_is_given_again_adds_nothing,
                the_next_nights_rows_are_repeats_or_held_by_the_past,;
            restored:
                l4_a_clock_that_was_ahead_when_an_order_came_in_takes_it_out_of_no_gap,
                l4_a_history_does_not_shorten_the_gap_that_an_order_lies_in,
                l5_what_was_held_at_the_backup_holds_others,
                l5_what_was_never_asked_for_since_a_restore_gets_no_new_number,
                l4_what_was_never_sent_counts_as_sent_from_the_backup_on,
                l4_what_comes_in_after_a_restore_counts_as_sent_from_the_backup_on,
                l4_a_child_may_have_been_issued_since_the_backup_however_late_it_is_asked_for,
                l4_what_was_first_sent_after_the_backup_counts_from_it_and_an_earlier_moment_widens,
                l2_what_may_have_been_sent_is_not_withdrawn_replaced_or_frozen,
                l3_what_was_refused_may_have_been_accepted_since_the_backup,
                l5_what_was_cancelled_since_the_backup_is_resolved_and_goes_out_no_more,
                a_held_order_stays_held_and_counts_from_the_backup_once_it_is_released,
                what_is_settled_stays_as_it_is_and_nonsense_is_refused,;
            plans:
                a_plan_says_what_a_file_would_do_and_does_nothing,
                l2_a_plan_is_run_only_if_exactly_that_comes_out,
                a_plan_is_approved_by_somebody_else_once_and_before_it_is_run,
                a_file_without_a_new_deduction_needs_no_plan,
                what_no_approved_plan_allows_is_counted,;
            late:
                l1_a_connection_that_was_not_made_gives_nothing_back_behind_a_newer_attempt,
                l3_a_late_refusal_refuses_nothing_behind_a_newer_attempt,
                l3_a_refused_order_that_is_sent_again_is_not_called_refused_by_the_late,
                l5_no_mended_row_takes_the_place_of_what_another_host_has_submitted,
                l3_a_late_verified_answer_settles,
                l3_what_refused_the_older_of_two_attempts_is_no_step_to_a_proof,
                l1_answers_to_several_attempts_of_one_order_come_in_any_order,;
            shared:
                l7_workers_drive_what_is_open_and_what_was_handed_over,
                l5_what_a_rerun_issues_later_was_not_handed_over,
                l4_a_restore_takes_back_what_was_handed_over,
                where_approval_is_required_what_no_plan_allows_stays,
                l7_what_was_handed_over_can_be_taken_back,
                l7_what_was_taken_back_is_claimed_no_more,
                a_batch_stays_handed_over_while_anything_of_it_waits,
                l2_a_released_order_of_a_batch_that_was_handed_over_goes_with_it,
                a_claim_without_a_lease_is_asked_for_none,;
            random:
                l9_whatever_comes_in_whatever_order_the_books_verify,;
        }
    };
}
pub(in crate::ledger) use contract_suite;
