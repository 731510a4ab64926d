-- Every flight once, with what is known of it beside; null where nothing is.
-- Cancelled flights stay, marked: leaving them out would flatter the airlines that cancel most.
SELECT
    f.time_hour,
    make_date(f.year, f.month, f.day) AS date, -- in New York: for late flights another one than in UTC
    f.hour,
    f.carrier,
    l.name AS airline,
    f.flight,
    f.origin,
    f.dest,
    a.name AS airport,
    f.dep_time IS NULL AS cancelled,
    f.dep_delay,
    f.arr_delay,
    possible(w.wind_speed) AS wind_speed,
    w.precip,
    w.visib,
    f.year - p.year AS age
FROM flights AS f
LEFT JOIN weather AS w ON w.origin = f.origin AND w.hour = f.time_hour
LEFT JOIN airlines AS l ON l.carrier = f.carrier
LEFT JOIN airports AS a ON a.faa = f.dest
LEFT JOIN planes AS p ON p.tailnum = f.tailnum
ORDER BY f.time_hour, f.carrier, f.flight, f.origin
