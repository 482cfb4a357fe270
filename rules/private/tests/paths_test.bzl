"""The rows of paths.bzl."""

load("//rules/private:paths.bzl", "is_archive", "is_library", "place", "root_place", "spelled", "virtual")

_ROWS = [
    # (function, arguments, expected)
    (virtual, ["app/app"], "app/app"),
    (virtual, ["../zlib+/lib/libz.so"], "external/zlib+/lib/libz.so"),
    (root_place, ["usr/lib/libc.so.6", "", ""], "/usr/lib/libc.so.6"),
    (root_place, ["third_party/sysroot/usr/lib/libc.so.6", "third_party/sysroot", ""], "/usr/lib/libc.so.6"),
    (root_place, ["third_party/sysroot/usr/lib/libc.so.6", "third_party", "sysroot"], "/usr/lib/libc.so.6"),
    (root_place, ["third_party/sysroot/usr/lib/libc.so.6", "third_party", "/third_party/sysroot"], "/usr/lib/libc.so.6"),
    (root_place, ["../debian/sysroot/lib/ld.so", "", "sysroot"], "/lib/ld.so"),
    (root_place, ["../debian/top/sysroot/lib/ld.so", "top", "sysroot/"], "/lib/ld.so"),
    (root_place, ["third_party/sysrooted/lib/ld.so", "third_party", "sysroot"], None),
    (root_place, ["other/lib/ld.so", "third_party", ""], None),
    (is_archive, ["root.tar"], True),
    (is_archive, ["root.tar.gz"], True),
    (is_archive, ["root.tgz"], True),
    (is_archive, ["libtar.so"], False),
    (is_library, ["libz.so"], True),
    (is_library, ["libz.so.1.3"], True),
    (is_library, ["libz.a"], False),
    (is_library, ["also.sorted"], False),
    (place, ["", "app", "/usr/local/bin"], "/usr/local/bin/app"),
    (place, ["/opt/", "app", "/usr/local/bin"], "/opt/app"),
    (place, ["/opt/tool", "app", "/usr/local/bin"], "/opt/tool"),
    (spelled, ["a:/b"], "a\\:/b"),
]

def paths_test(name):
    """Fails where a row does not hold.

    Args:
      name: of a target that there is where all do
    """
    for function, arguments, expected in _ROWS:
        actual = function(*arguments)
        if actual != expected:
            fail("%s%s: %s, not %s" % (function, arguments, actual, expected))
    native.filegroup(name = name)
