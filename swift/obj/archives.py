"""Fragment archives of erasure coded policies, each looked at by itself.

Layer 3, disk threads. What an archive's own metadata says can be checked without the other ones
and without the code: its size, the MD5 of its bytes, the name it belongs to, that it says which
fragment of what it is. Which archives count is no matter here: a damaged one is damaged whether it
is durable or not. As with all damage the whole hash directory is quarantined. Sheet 02 §6, §19.
"""
from swift.common import fs
from swift.common.errors import Damaged
from swift.core.fileset import DATA, File, FileSet, is_rsync_temporary
from swift.core.fileset_ec import Archive, parse_archive_name
from swift.core.timestamp import Timestamp
from swift.obj.placement import Placement
from swift.obj.reading import Lookup, on_damage, open_data

# Beside what every object has.
REQUIRED = ('X-Object-Sysmeta-Ec-Frag-Index', 'X-Object-Sysmeta-Ec-Etag')


def list_archives(place: Placement) -> list[Archive]:
    """Return what archives a hash directory has; none also if it cannot be listed."""
    try:
        names = fs.list_dir(place.hash_path)
    except OSError:
        return []                                # look_up() will say what that means
    return [archive for archive in map(parse_archive_name, sorted(names)) if archive is not None]


def look_up_archive(place: Placement, now: Timestamp, with_body: bool, archive: Archive) -> Lookup:
    """Open one archive as look_up() opens an object. Raises StateChanged if it has gone, and more.

    POSTs are left out: their metadata is not what the archive was written with.
    """
    names = fs.list_dir(place.hash_path)
    files = FileSet(data=File(archive.name, DATA, archive.time),
                    unexpected=tuple(filter(is_rsync_temporary, names)))
    found = None
    try:
        found = open_data(place, files, now, open_expired=False, with_body=with_body)
        missing = [key for key in REQUIRED if found.state and key not in found.state.data]
        if missing:
            raise Damaged(archive.name, reason='Metadata failed validation')
    except Damaged as error:
        if found is not None and found.body is not None:
            found.body.close()
        return on_damage(place, names, error)
    return found
