"""Writes a small database of addresses in MaxMind's format: geo.py FILE"""

import sys

from mmdb_writer import MMDBWriter
from netaddr import IPSet

writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="Test-City")
for networks, country, region, city in [
    (["192.0.2.0/24"], "DE", "BE", "Berlin"),
    (["198.51.100.0/24", "2001:db8::/32"], "NZ", None, None),
]:
    place = {"country": {"iso_code": country}}
    if region:
        place |= {"subdivisions": [{"iso_code": region}], "city": {"names": {"en": city}}}
    writer.insert_network(IPSet(networks), place)
writer.to_db_file(sys.argv[1])
