"""Names of files and their places: pure functions, whose rows are tests/paths_test.bzl."""

def virtual(short_path):
    """The name of a file as the tool is told it: its path without its root, which depends on the configuration.

    Args:
      short_path: of a File; `../` leads to another repository

    Returns:
      a path relative to the build tree
    """
    return "external/" + short_path[3:] if short_path.startswith("../") else short_path

def below_package(short_path, package):
    """The path of a file below the package that it belongs to.

    Args:
      short_path: of a File
      package: of the File's owner

    Returns:
      a relative path, or None for a file that is not below its package
    """
    inside = short_path.split("/", 2)[2] if short_path.startswith("../") else short_path
    if not package:
        return inside
    return inside[len(package) + 1:] if inside.startswith(package + "/") else None

def root_place(short_path, package, strip_prefix):
    """The place of a file in a root that is laid out in the source tree or in a repository.

    Args:
      short_path: of a File
      package: of the File's owner
      strip_prefix: the directory that is the root: below the file's package, or with a leading `/` below its repository

    Returns:
      an absolute place, or None for a file that is not below the prefix
    """
    inside = below_package(short_path, "" if strip_prefix.startswith("/") else package)
    prefix = strip_prefix.strip("/")
    if inside == None or not prefix:
        return inside and "/" + inside
    return inside[len(prefix):] if inside.startswith(prefix + "/") else None

def is_archive(basename):
    """Whether a root's one file is a whole root.

    Args:
      basename: of the file

    Returns:
      whether it is a tar, compressed or not
    """
    return basename.endswith(".tar") or ".tar." in basename or basename.endswith(".tgz")

def is_library(basename):
    """Whether a file is by its name a shared library.

    Args:
      basename: of the file

    Returns:
      whether it is one
    """
    return basename.endswith(".so") or ".so." in basename

def place(dest, name, default):
    """The place of a file in the image.

    Args:
      dest: what the BUILD file says: a place, a directory's with a `/` at its end, or nothing
      name: of the file, below the directory
      default: the directory if nothing is said

    Returns:
      an absolute place
    """
    if not dest:
        dest = default + "/"
    return dest + name if dest.endswith("/") else dest

def spelled(path):
    """A path as the tool's `-b` and `-e` take it, for which `:/` would divide.

    Args:
      path: any path

    Returns:
      the value up to `:DEST`
    """
    return path.replace(":", "\\:")

def shown(label):
    """A label as a user of the main repository spells it.

    Args:
      label: a Label

    Returns:
      its text
    """
    text = str(label)
    return text[2:] if text.startswith("@@//") else text
