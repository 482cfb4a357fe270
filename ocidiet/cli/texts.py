"""What `ocidiet` says of itself."""

from __future__ import annotations

from ocidiet import __version__
from ocidiet.errors import UsageError
from ocidiet.model import TYPE_CHECKING
from ocidiet.system import os

if TYPE_CHECKING:
    from ocidiet.cli.options import Options

USAGE = """\
usage: ocidiet -t IMAGE.tar -b PROGRAM[:DEST]... [-e FILE[:DEST]...] [option]..
writes a tar of the programs and of every file that they need to run
  ocidiet -t hello.tar -b hello:/usr/local/bin/hello
  docker import --change 'ENTRYPOINT ["/usr/local/bin/hello"]' hello.tar hello
more: ocidiet --help
"""

HELP = """\
usage: ocidiet -t IMAGE.tar -b PROGRAM[:DEST]... [-e FILE[:DEST]...] [option]..
       ocidiet list|tree PROGRAM..., verify IMAGE..., index -o DIR IMAGE...
Input: a tar is made of the programs and all they need. None of them is run.
  -b, --binary SRC[:DEST]... programs, with the libraries and loaders they need
  -e, --extra SRC[:DEST]...  more: files, directories (whole trees), links
Places: SRC keeps its absolute path, unless :DEST, absolute, says where to go.
      --destdir DIR          all of an installed tree: make install DESTDIR=DIR
Root and search:
      --root DIR             where libraries come from: a sysroot (default /);
                             =SRC is a path inside it
      --library-path DIRS    as LD_LIBRARY_PATH, which itself is not read
Output:
  -t, --tar FILE             a root file system; - is standard output
      --archive FILE.oci.tar an image that `docker load` takes, and all others
      --oci DIR              the same as an OCI image layout
      --base IMAGE           write a layer over it, of what it lacks
  -v, --verbose              list the entries: path, size, reason (-vv: tree)
Build system:
      --depfile FILE         also write what was read, as a Makefile rule
      --keep-mtime           leave an image of unchanged content untouched
      --makefile             print the path of ocidiet.mk, for Make's include
More: VERB --help, --help-all, --version.
Exit status: 0 done, 1 an input is at fault, 2 the command line, 3 the output.
Example: ocidiet -t app.tar -b build/app:/usr/bin/app -e app.conf:/etc/app.conf
"""

VERBS = """\
usage: ocidiet list FILE... [option]..
Prints every path that must exist for the programs to run: each file, and each
link on the way to it, sorted; as this machine names them, --root included.
  -0, --null                 end each path with a NUL byte, not a line
  ocidiet list /usr/bin/git | tar -cf git.tar -T -

usage: ocidiet tree FILE... [option]..
Prints who needs what, where it was found, and by which rule.
      --json                 for programs; docs/verbs.md has the schema
  -v, --verbose              also each place that was tried before

Both run nothing, take the options of "Root and search" and of the loader's
dark corners, --build-tree, and =FILE for a path inside the root. What is
missing is told, and ends them with exit status 1.

usage: ocidiet verify IMAGE... [option]..
Tells whether finished images are complete, whoever made them: loaders,
libraries and their symbol versions, scripts, links, entries, what documents
say. IMAGE is a root directory, a tar of one, an OCI layout or archive, or what
`docker save` writes. Nothing is run. Exit status 1 if one has a defect.
      --platform OS/ARCH     of an image for several
      --stacked              tars, as layers of one image, the lowest first
Options: --json; --report FILE, the same to a file: only defects are printed;
-v, for what is no defect too; --library-path, --preload, --hwcaps, --dlopen.
"""

INDEX = """\
usage: ocidiet index -o DIR IMAGE... [option]..
Joins images for several machines, one for each, under one name: an engine then
takes its own. IMAGE is an OCI layout or archive, of which all images are taken
as they are. DIR is an OCI layout, which keeps what it holds beside.
  -o, --output DIR           the layout that gets them, and an index of them
  ocidiet index -o app.oci app-amd64.oci app-arm64.oci.tar --tag app:1.0
Options: --tag NAME[:TAG] (default: the name of DIR, and latest); --keep-mtime;
-v, to list what was joined.
"""

REST = """\
Names: one that holds ':/' is spelled with '\\:/', one that starts with '=' or
'-' with './' before it.

More of the places:
--base takes a root directory, a tar of one, an OCI layout or archive, and what
`docker save` writes.
      --build-tree DIR       its libraries do not carry its path into the image
                             (default: the current directory)
      --library-dir DIR      where libraries of the build tree go, absolute
                             (default: the loader's first default directory)
      --layout LAYOUT        portable (default), for ADD to any base; or for an
                             image layer: scratch, merged (/lib is a link to
                             usr/lib), split (/lib is a directory)

More of the output, and for build systems:
      --mtime N              the time of all entries, in seconds (default 0)
      --depfile-target NAME  that rule's target (default: FILE as -t spells it)
      --depfile-style STYLE  gcc (default; Make, Ninja, Meson), make or cmake
      --cmakedir             print the directory of ocidietConfig.cmake
      --report FILE          JSON: every entry, why it is there, who needs what
      --mtree FILE           the listing, as mtree(5)
      --closure FILE         each file and link that the programs need
      --layer KIND=FILE...   instead of -t, a tar for each kind: libc, system
                             (libraries of the root), own (the build's), app;
                             of another kind goes into the next one asked for

For build systems that declare inputs (Bazel): nothing else is looked at, no
--depfile or .state is written. -b and -e then name places in the build tree.
      ocidiet @FILE          alone: the arguments, one a line, from FILE
      --tree-files PLACE<TAB>PATH[<TAB>LABEL]...
                             the build's files: place in the build tree, path
                             as opened (links are followed), name for messages
      --root-files PLACE<TAB>PATH...
                             those of the root, in whose place --root may name
                             a directory or, as always, an image (a tar, an OCI
                             layout or archive, gzip); none is an empty root
      --root-links FILE      what files cannot say, a line each: PLACE<TAB>TEXT
                             for a link of the root, PLACE for an executable
      --unused-inputs FILE   the paths of declared files that were not read

What an image of --archive or --oci says, in a Dockerfile's meaning:
      --tag NAME[:TAG]       its name (default: the output's own, and latest)
      --layers WHICH         single (default), or auto: what changes together
      --compress HOW         none (default), gzip[:1-9] (6) or zstd[:1-22] (3),
                             for which Python needs the module zstandard
      --entrypoint WORDS     what starts (default: the one program; of several,
                             none): words, or a JSON array of strings
      --cmd WORDS            what it is told
      --env NAME=VALUE       in this, --label, --user, --volume and --workdir,
                             $NAME stands for what --env or the base has set
      --user USER            name or number
      --workdir DIR          where it starts, below the base's if relative
      --stop-signal SIGNAL   what ends it
      --label NAME=VALUE     of the configuration
      --annotation NAME=VALUE
                             of the manifest
      --expose PORT[/udp]    where it listens
      --volume DIR           where it keeps what stays
      --created TIME         seconds, or as 2024-01-31T12:00:00Z (default:
                             SOURCE_DATE_EPOCH, else 1970)
--env, --label, --annotation, --expose and --volume may be given again.

The loader's dark corners:
      --hwcaps WHICH         libraries for better CPUs (glibc-hwcaps): all
                             (default), baseline (none), or NAME[,NAME...]
      --dlopen PRIORITY      follow dlopen notes of at least this priority:
                             required, recommended (default), suggested; none
      --preload NAMES        as LD_PRELOAD
      --assume-ldconfig      read a root without ld.so.cache as ldconfig would
      --no-assume-ldconfig   leave it, or never do so (default: do for a root
                             that is not / and has an ld.so.conf)
--library-path and --preload may be given again. Relative directories count
from the current one.
"""


def asked(options: Options, verb: str) -> str:
    """What answers `--help`, `--help-all`, `--version`, `--makefile` or `--cmakedir`. Raises `UsageError`."""
    if "--help-all" in options:
        return f"{HELP}\n{VERBS}\n{INDEX}\n{REST}"
    if "--help" in options:
        return {"": HELP, "index": INDEX}.get(verb, VERBS)
    if "--version" in options:
        return f"ocidiet {__version__}\n"
    if "--makefile" in options:
        return _shipped("--makefile", "make", "ocidiet.mk") + "/ocidiet.mk\n"
    return _shipped("--cmakedir", "cmake", "ocidietConfig.cmake") + "\n"


def _shipped(option: str, directory: str, name: str) -> str:
    package = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    for there in (f"{package}/{directory}", f"{os.path.dirname(package)}/{directory}"):
        if os.path.isfile(f"{there}/{name}"):
            return there
    raise UsageError(f"{option}: this one-file form carries no {name}", hint=f"copy {directory}/{name} beside it")
