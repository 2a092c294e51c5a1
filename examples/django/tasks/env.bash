# A socket's path has 103 bytes on macOS and 107 on Linux (sun_path in unix(7)), and the addresses below are no place
# for a space or a %. Where the project's folder is too long or too odd, its sockets live in a short one of their own.
unfit() {
    # Bytes, not letters.
    local LC_ALL=C
    [ "${#1}" -gt 103 ] || [[ $1 == *[!A-Za-z0-9/._-]* ]]
}

if unfit "$PGHOST/.s.PGSQL.$PGPORT"; then
    export PGHOST
    PGHOST=/tmp/harbour-$(id -u)-$(printf '%s' "$SERVICES" | cksum | cut -d ' ' -f 1)
    export DATABASE_URL="postgresql://harbour@/harbour?host=$PGHOST" REDIS_URL="unix://$PGHOST/redis.sock"
fi
unset -f unfit
