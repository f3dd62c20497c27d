"""Change some bytes of a file, as disks and networks do."""

import hypothesis
from hypothesis import strategies as st

EXAMPLES = 20_000 if hypothesis.settings.default.max_examples > 1000 else 1_000
"""In `make soak` and in `make test`."""

CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["set", "set", "set", "insert", "delete"]),
        st.floats(0, 1, exclude_max=True),
        st.one_of(
            st.binary(min_size=1, max_size=4),
            st.sampled_from([b"\\", b"SQ", b"UN", b"\xff\xff\xff\xff", b"-", b"\xfe\xff\xdd\xe0\0\0\0\0"]),
        ),
    ),
    min_size=1,
    max_size=4,
)


def changed(content: bytes, changes: list[tuple[str, float, bytes]], *, within: int) -> bytes:
    """The bytes of a file with some of the first ones changed."""
    found = bytearray(content)
    for how, where, value in changes:
        position = int(where * min(within, len(found)))
        if how == "set":
            found[position : position + len(value)] = value
        elif how == "insert":
            found[position:position] = value
        else:
            del found[position : position + len(value)]
    return bytes(found)
