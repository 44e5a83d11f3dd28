SELECT entries, link FROM lane_head WHERE lane = ?1
