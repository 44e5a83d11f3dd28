SELECT lane, entries, link FROM lane_head ORDER BY lane
