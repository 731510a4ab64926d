SELECT
    dest,
    airport,
    unnest(measures(cancelled, dep_delay, arr_delay, {params.late}))
FROM joined
GROUP BY dest, airport
ORDER BY dest
