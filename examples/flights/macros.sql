-- What the queries share.

-- No wind on Earth was ever stronger by much; the raw data have one of 1,048 miles an hour.
CREATE MACRO possible(wind) AS CASE WHEN wind < 250 THEN wind END;

-- What is counted of a group of flights. Delays are minutes, negative where early.
CREATE MACRO measures(cancelled, dep_delay, arr_delay, late_from) AS {
    flights: count(*),
    cancelled: count(*) FILTER (cancelled),
    arrived: count(arr_delay),
    late: count(*) FILTER (arr_delay >= late_from),
    delay: sum(dep_delay)::BIGINT
};
