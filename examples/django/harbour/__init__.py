"""The departures from the north harbour: PostgreSQL keeps them, Redis counts who asks."""
