//! How many keys are held, how long their ids are, and what they print.

use super::*;

fn key(id: &str) -> Result<PlatformKey, KeyFault> {
    PlatformKey::public_key(id, &file("keys/platform_pub.spki.pem"))
}

#[test]
fn an_id_has_at_most_128_characters() {
    assert!(key(&"A".repeat(128)).is_ok());
    assert!(key(&"A".repeat(129)).is_err());
}

#[test]
fn at_most_16_keys_are_held_and_the_same_one_again_needs_no_room() {
    let mut keys = PlatformKeys::new(key("K1").unwrap());
    for n in 2..=16 {
        assert_eq!(keys.add(key(&format!("K{n}")).unwrap()), Ok(()), "{n}");
    }
    assert!(keys.add(key("K17").unwrap()).is_err());
    assert_eq!(keys.add(key("K16").unwrap()), Ok(()));
}

#[test]
fn a_key_and_a_verifier_print_their_ids() {
    let held = PlatformKeys::new(key("K1").unwrap());
    assert_eq!(format!("{:?}", held.first()), "PlatformKey(K1)");
    let printed = format!("{:?}", Verifier::new(held));
    assert!(printed.contains("PlatformKey(K1)"), "{printed}");
}
