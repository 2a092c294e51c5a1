-- One line a route, the busiest first. A departure nobody counted has no passengers.
COPY (
    SELECT
        route,
        count(*)::INTEGER AS departures,
        coalesce(sum(passengers), 0)::INTEGER AS passengers,
        min(departs) AS first
    FROM read_csv('data/departures.csv', header = true, types = {'departs': 'VARCHAR', 'passengers': 'INTEGER'})
    GROUP BY route
    ORDER BY passengers DESC, route
) TO 'build/routes.csv' (HEADER, DELIMITER ',');
