SELECT words FROM plan_words WHERE plan_id = ?1
