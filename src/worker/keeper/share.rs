//! How many lanes are whose share.

/// How many lanes each may hold, of workers that could drive so many each: as few as go round. Whoever could
/// drive fewer leaves the rest to the others, and so does who could drive none any more.
pub(super) fn fair_share(living: &[u32]) -> usize {
    let most = living.iter().copied().max().unwrap_or(0);
    let held = |share: u32| -> u64 {
        living
            .iter()
            .map(|lanes| u64::from(share.min(*lanes)))
            .sum()
    };
    let (mut few, mut enough) = (0, most);
    while few < enough {
        let share = few + (enough - few) / 2;
        match held(share) >= u64::from(most) {
            true => enough = share,
            false => few = share + 1,
        }
    }
    usize::try_from(enough).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fair_share_counts_who_could_drive_lanes_and_how_many() {
        let table: &[(&[u32], usize)] = &[
            (&[], 0),
            (&[0], 0),
            (&[12], 12),
            (&[12, 12], 6),
            (&[12, 12, 12, 12, 12], 3),
            // One only waits for the others; one could drive a lane of its own file alone.
            (&[12, 0], 12),
            (&[26, 1], 25),
            (&[26, 10], 16),
            (&[26, 10, 4], 12),
            (&[1, 1, 1], 1),
            (&[2, 1, 1], 1),
            (&[u32::MAX, 1], u32::MAX as usize - 1),
            (&[u32::MAX, u32::MAX], 1 << 31),
        ];
        for (living, share) in table {
            assert_eq!(fair_share(living), *share, "{living:?}");
        }
    }
}
