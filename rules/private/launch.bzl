"""Programs for `bazel run` and `bazel test`: a few lines of Python, and no shell.

Bazel starts a program in its runfiles' workspace, and paths are counted from there; so a hermetic interpreter, too, may
stand in the first line.
"""

load(":toolchain.bzl", "TOOLCHAINS", "tool_of")

_PROGRAM = """\
#!{python}
import os
import sys

there = os.path.abspath(__file__) + ".runfiles/{workspace}"
if os.path.isdir(there):
    os.chdir(there)
run = [os.path.abspath("{tool}")]
if {is_python}:
    run = [sys.executable, "-IS", *run]
{body}"""

def launcher(ctx, tool, body, data, files = None):
    """The executable of a rule.

    Args:
      ctx: of the rule
      tool: a toolchain
      body: Python, in which `run` are the tool's first words
      data: Files that the program reads
      files: the rule's outputs; by default the program

    Returns:
      a DefaultInfo
    """
    program = ctx.actions.declare_file(ctx.label.name + ".py")
    ctx.actions.write(program, is_executable = True, content = _PROGRAM.format(
        body = body,
        is_python = bool(tool.words),
        python = tool.interpreter.short_path if tool.interpreter else "/usr/bin/env python3",
        tool = tool.tool.short_path,
        workspace = ctx.workspace_name,
    ))
    runfiles = ctx.runfiles(data).merge(tool.runfiles)
    return DefaultInfo(executable = program, files = depset(files or [program]), runfiles = runfiles)

_VERB = """\
os.chdir(os.environ.get("BUILD_WORKING_DIRECTORY", "."))
os.execv(run[0], [*run, "{verb}", *sys.argv[1:]])
"""

def _verb_impl(ctx):
    return [launcher(ctx, tool_of(ctx), _VERB.format(verb = ctx.attr.verb), [])]

ocidiet_verb = rule(
    attrs = {"verb": attr.string(doc = "The first word.", mandatory = True)},
    doc = "A verb of the tool for `bazel run`; paths are counted from where the user is.",
    executable = True,
    implementation = _verb_impl,
    toolchains = TOOLCHAINS,
)
