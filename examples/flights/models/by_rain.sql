SELECT
    CASE
        WHEN precip < 0.001 THEN 'none'
        WHEN precip < 0.05 THEN 'under 0.05 in'
        WHEN precip >= 0.05 THEN '0.05 in or more'
    END AS band,
    unnest(measures(cancelled, dep_delay, arr_delay, {params.late}))
FROM joined
GROUP BY band
ORDER BY min(precip)
