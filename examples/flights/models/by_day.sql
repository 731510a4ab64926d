SELECT
    date,
    unnest(measures(cancelled, dep_delay, arr_delay, {params.late}))
FROM joined
GROUP BY date
ORDER BY date
