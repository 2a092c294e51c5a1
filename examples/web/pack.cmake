# Packs the page and the table behind it, and writes down their checksums.
cmake_minimum_required(VERSION 3.25)

set(build "$ENV{BUILD}")
file(SHA256 "${build}/index.html" page)
file(SHA256 "${build}/routes.csv" table)
file(WRITE "${build}/SHA256SUMS" "${page}  index.html\n${table}  routes.csv\n")

file(ARCHIVE_CREATE
    OUTPUT "${build}/site.tar.gz"
    PATHS "${build}/index.html" "${build}/routes.csv" "${build}/SHA256SUMS"
    WORKING_DIRECTORY "${build}"
    FORMAT gnutar
    COMPRESSION GZip
)
file(SIZE "${build}/site.tar.gz" size)
message(STATUS "pack: build/site.tar.gz, ${size} bytes")
