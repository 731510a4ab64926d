SELECT
    carrier,
    airline,
    unnest(measures(cancelled, dep_delay, arr_delay, {params.late}))
FROM joined
GROUP BY carrier, airline
ORDER BY carrier
