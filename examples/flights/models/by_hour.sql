SELECT
    carrier,
    airline,
    hour,
    unnest(measures(cancelled, dep_delay, arr_delay, {params.late}))
FROM joined
GROUP BY carrier, airline, hour
ORDER BY carrier, hour
