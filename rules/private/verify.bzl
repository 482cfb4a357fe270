"""`ocidiet verify`: as the proof of a tar, and as a test of any image."""

load(":launch.bzl", "launcher")
load(":paths.bzl", "shown")
load(":toolchain.bzl", "TOOLCHAINS", "run_tool", "tool_of")

def verified(ctx, image, execution_requirements):
    """Verify a finished image by an action.

    Args:
      ctx: of a rule that has `TOOLCHAINS`
      image: a File
      execution_requirements: of the action

    Returns:
      a File that is made if the image has no defect
    """
    proof = ctx.actions.declare_file(ctx.label.name + ".verify.json")
    args = ctx.actions.args()
    args.add("verify")
    args.add("--report", proof)
    args.add(image)
    run_tool(
        ctx,
        arguments = args,
        execution_requirements = execution_requirements,
        inputs = [image],
        mnemonic = "OcidietVerify",
        outputs = [proof],
        progress_message = "Verifying image " + shown(ctx.label),
    )
    return proof

_BODY = """\
os.execv(run[0], [*run, "verify", "{image}", *sys.argv[1:]])
"""

def _impl(ctx):
    images = ctx.files.image
    if len(images) != 1:
        fail("image: %s is %d files; an image is one" % (shown(ctx.attr.image.label), len(images)))
    return [launcher(ctx, tool_of(ctx), _BODY.format(image = images[0].short_path), images)]

_ocidiet_verify_test = rule(
    attrs = {
        "image": attr.label(
            allow_files = True,
            doc = "A tar of a root file system, an OCI layout or archive, or what `docker save` writes; by whatever rule.",
            mandatory = True,
        ),
    },
    implementation = _impl,
    test = True,
    toolchains = TOOLCHAINS,
)

def ocidiet_verify_test(name, image, size = "small", **kwargs):
    """A test that an image is complete: interpreters, libraries and their symbol versions, scripts, links.

    Args:
      name: of the target
      image: a tar of a root file system, an OCI layout or archive, or what `docker save` writes; by whatever rule
      size: of the test
      **kwargs: what all tests take
    """
    _ocidiet_verify_test(name = name, image = image, size = size, **kwargs)
