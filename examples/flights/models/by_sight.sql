SELECT
    CASE
        WHEN visib < 1 THEN 'under 1 mile'
        WHEN visib < 3 THEN '1 to 3 miles'
        WHEN visib < 10 THEN '3 to 10 miles'
        WHEN visib >= 10 THEN '10 miles'
    END AS band,
    unnest(measures(cancelled, dep_delay, arr_delay, {params.late}))
FROM joined
GROUP BY band
ORDER BY min(visib)
