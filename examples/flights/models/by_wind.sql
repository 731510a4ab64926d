SELECT
    CASE
        WHEN wind_speed < 10 THEN 'under 10 mph'
        WHEN wind_speed < 20 THEN '10 to 20 mph'
        WHEN wind_speed < 30 THEN '20 to 30 mph'
        WHEN wind_speed >= 30 THEN '30 mph or more'
    END AS band,
    unnest(measures(cancelled, dep_delay, arr_delay, {params.late}))
FROM joined
GROUP BY band
ORDER BY min(wind_speed)
