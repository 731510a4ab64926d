SELECT
    CASE
        WHEN age < 5 THEN 'under 5 years'
        WHEN age < 10 THEN '5 to 9 years'
        WHEN age < 15 THEN '10 to 14 years'
        WHEN age < 20 THEN '15 to 19 years'
        WHEN age >= 20 THEN '20 years or more'
    END AS band,
    unnest(measures(cancelled, dep_delay, arr_delay, {params.late}))
FROM joined
GROUP BY band
ORDER BY min(age)
