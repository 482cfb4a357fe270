# ocidiet.mk: `make image` for a project with GNU Make (4.2 or later).
#
#   IMAGE_BINARIES = hello                      # before the include
#   include $(shell ocidiet --makefile)         # or a relative path into a checkout
#
# +++ targets +++
#   image         make every image, as IMAGE_FORMATS says
#   image-load    put them into the container engine; it is asked whether it has them already
#   image-run     run the image [ARGS=words]
#   image-push    push them to the registry that IMAGE_NAME says, with skopeo
#   image-list    list the entries: path, size, reason
#   image-tree    the same, and who needs what
#   image-verify  tell whether the images are complete, as for any image
#   image-install run IMAGE_INSTALL, as each of the others does before
#   image-clean   remove what `image` made; add `clean: image-clean` if you like
#   With several images also image-load-NAME, image-run-NAME and so on. NAME.tar and NAME.oci.tar are
#   targets too, whatever `image` makes.
#
# +++ variables +++                                                              [default]
#   IMAGE_BINARIES    programs, PROGRAM[:DEST]                 [DEST: IMAGE_BINDIR/name]
#   IMAGE_EXTRAS      more files, directories and links, FILE[:DEST]
#   IMAGE_INSTALL     all that this target installs: $(MAKE) TARGET DESTDIR=IMAGE_DIR/NAME.destdir
#   IMAGE_DESTDIR     all of this directory instead, an installed tree
#   IMAGE_BINDIR      where programs go  [the Makefile's bindir or PREFIX/bin, else /usr/local/bin]
#   IMAGE_ROOT        where libraries come from, a sysroot say                         [/]
#   IMAGE_BASE        the image lies over this one; NAME.tar is the layer of what it lacks  [none]
#   IMAGE_FORMATS     tar, a root file system for ADD and `import`; oci.tar, what engines load
#                     and registries take; or both, which one run then makes           [tar]
#   IMAGE_LAYOUT      of NAME.tar: portable, scratch, merged or split           [portable]
#   IMAGE_DIR         where the images are written             [.]
#   IMAGES            the images' names, if more than one  [the first program's, or the entrypoint's]
#   IMAGE_ENTRYPOINT  the command that a container starts, words  [the program, if only one]
#   IMAGE_CMD, IMAGE_USER, IMAGE_WORKDIR, IMAGE_ENV and IMAGE_LABELS (NAME=value words)
#   IMAGE_FLAGS       more options that say what NAME.oci.tar is: --layers auto, --expose 80
#   IMAGE_NAME, IMAGE_TAG  the image's name                           [NAME and latest]
#   IMAGE_ENGINE      the container engine              [docker, else podman: who answers]
#   IMAGE_RUNFLAGS    more options for the engine's `run`
#   IMAGE_PUSHFLAGS   more options for skopeo's `copy`
#   OCIDIET           the tool                                               [ocidiet]
#   OCIDIETFLAGS      more options for it
#   IMAGE_QUIET       prints the line that stands for a command; V=1 shows the command
# Every IMAGE_* but IMAGES, IMAGE_DIR, IMAGE_ENGINE and IMAGE_QUIET may be given for one image as
# IMAGE_*_NAME, and OCIDIETFLAGS as OCIDIETFLAGS_NAME; set and empty counts. Names must not hold
# blanks: Make separates words by them.
#
# Private names start with __ocidiet. Beside an image NAME.tar stand NAME.tar.d, what it depends on,
# NAME.tar.state, the tool's own note of what it was made from, and NAME.tar.stamp, the command that
# made it, and so beside NAME.oci.tar; $(IMAGE_CLEANFILES) lists them all.

ifndef __ocidiet_included
__ocidiet_included := 1
__ocidiet_default_goal := $(.DEFAULT_GOAL)
__ocidiet_prefix := $(.RECIPEPREFIX)
.RECIPEPREFIX :=
__ocidiet_here := $(dir $(lastword $(MAKEFILE_LIST)))

ifeq ($(origin OCIDIET),undefined)
ifneq ($(wildcard $(__ocidiet_here)../ocidiet/__main__.py),)
OCIDIET := python3 -IS $(__ocidiet_here)../ocidiet/__main__.py
else ifneq ($(wildcard $(__ocidiet_here)ocidiet.pyz),)
OCIDIET := python3 -IS $(__ocidiet_here)ocidiet.pyz
else
OCIDIET := ocidiet
endif
endif
IMAGE_DIR ?= .
IMAGE_QUIET ?= printf '    %-8s %s\n'

__ocidiet_installs :=
__ocidiet_makefile := $(firstword $(MAKEFILE_LIST))

# Usage: $(call __ocidiet_get,VARIABLE,NAME): VARIABLE_NAME where it is set, else VARIABLE.
__ocidiet_get = $(if $(filter undefined,$(origin $1_$2)),$(__ocidiet_set),$($1_$2))
# Usage: $(call __ocidiet_set,VARIABLE): its value, without a warning where it is not set.
__ocidiet_set = $(if $(filter undefined,$(origin $1)),,$($1))
# Usage: $(call __ocidiet_own,VARIABLE): its value if the Makefile or make's command line set it.
__ocidiet_own = $(if $(filter file command override,$(firstword $(origin $1))),$($1))
# Usage: $(call __ocidiet_src,SRC:DEST): SRC.
__ocidiet_src = $(firstword $(subst :/, ,$1))
# Usage: $(call __ocidiet_find,SRC:DEST): the same with SRC where VPATH has it.
__ocidiet_find = $(patsubst $(__ocidiet_src)%,$(call __ocidiet_vpath,$(__ocidiet_src))%,$1)
__ocidiet_vpath = $(firstword $(if $(call __ocidiet_set,VPATH),$(wildcard $1 $(addsuffix /$1,$(subst :, ,$(VPATH))))) $1)

__ocidiet_images = $(or $(strip $(call __ocidiet_set,IMAGES)),$(notdir $(call __ocidiet_src,$(firstword $(call \
  __ocidiet_set,IMAGE_BINARIES) $(if $(__ocidiet_stages),$(call __ocidiet_set,IMAGE_ENTRYPOINT))))))
__ocidiet_stages = $(call __ocidiet_set,IMAGE_INSTALL)$(call __ocidiet_set,IMAGE_DESTDIR)
# Usage: $(call __ocidiet_files,NAME,FORMATS): the image in these formats.
__ocidiet_files = $(foreach f,$2,$(patsubst ./%,%,$(IMAGE_DIR)/$1.$f))
__ocidiet_tar = $(call __ocidiet_files,$1,tar)
__ocidiet_archive = $(call __ocidiet_files,$1,oci.tar)
__ocidiet_formats = $(or $(foreach f,$(call __ocidiet_get,IMAGE_FORMATS,$1),$(if $(filter tar oci.tar,$f),$f,$(error \
  IMAGE_FORMATS: $f is neither tar nor oci.tar))),tar)
__ocidiet_first = $(firstword $(__ocidiet_files))
__ocidiet_bindir = $(or $(call __ocidiet_get,IMAGE_BINDIR,$1),$(call __ocidiet_own,bindir),$(addsuffix /bin,$(call __ocidiet_own,PREFIX)),/usr/local/bin)

# Programs with the place that each has in the image; one of the root (=/usr/bin/x) keeps its own.
__ocidiet_programs = $(foreach p,$(call __ocidiet_get,IMAGE_BINARIES,$1),$(if $(findstring :/,$p)$(filter =%,$p),$p,$p:$(__ocidiet_bindir)/$(notdir $p)))
__ocidiet_extras = $(call __ocidiet_get,IMAGE_EXTRAS,$1)
__ocidiet_install = $(strip $(call __ocidiet_get,IMAGE_INSTALL,$1))
__ocidiet_destdir = $(if $(__ocidiet_install),$(__ocidiet_tar:.tar=.destdir),$(call __ocidiet_get,IMAGE_DESTDIR,$1))
__ocidiet_inputs = $(foreach s,$(__ocidiet_programs) $(__ocidiet_extras),$(filter-out =%,$(call __ocidiet_src,$s))) \
  $(if $(__ocidiet_install),,$(__ocidiet_destdir)) $(call __ocidiet_get,IMAGE_BASE,$1)
__ocidiet_content = $(addprefix --root ,$(call __ocidiet_get,IMAGE_ROOT,$1)) \
  $(addprefix --destdir ,$(__ocidiet_destdir)) $(addprefix --base ,$(call __ocidiet_get,IMAGE_BASE,$1)) \
  $(addprefix -b ,$(foreach s,$(__ocidiet_programs),$(call __ocidiet_find,$s))) \
  $(addprefix -e ,$(foreach s,$(__ocidiet_extras),$(call __ocidiet_find,$s))) \
  $(call __ocidiet_get,OCIDIETFLAGS,$1)
__ocidiet_layout = $(addprefix --layout ,$(call __ocidiet_get,IMAGE_LAYOUT,$1))
__ocidiet_ref = $(or $(call __ocidiet_get,IMAGE_NAME,$1),$1):$(or $(call __ocidiet_get,IMAGE_TAG,$1),latest)
# Usage: $(call __ocidiet_words,OPTION,VARIABLE,NAME): the option with all words; __ocidiet_each: with each.
__ocidiet_words = $(if $(strip $(call __ocidiet_get,$2,$3)),$1 $(call __ocidiet_quoted,$(strip $(call __ocidiet_get,$2,$3))))
__ocidiet_each = $(foreach w,$(call __ocidiet_get,$2,$3),$1 $(call __ocidiet_quoted,$w))
__ocidiet_image = --tag $(__ocidiet_ref) $(call __ocidiet_words,--entrypoint,IMAGE_ENTRYPOINT,$1) \
  $(call __ocidiet_words,--cmd,IMAGE_CMD,$1) $(call __ocidiet_words,--user,IMAGE_USER,$1) \
  $(call __ocidiet_words,--workdir,IMAGE_WORKDIR,$1) $(call __ocidiet_each,--env,IMAGE_ENV,$1) \
  $(call __ocidiet_each,--label,IMAGE_LABELS,$1) $(call __ocidiet_get,IMAGE_FLAGS,$1)
# Usage: $(call __ocidiet_command,NAME,FORMATS)
__ocidiet_command = $(strip $(OCIDIET) $(if $(filter tar,$2),-t $(__ocidiet_tar) $(__ocidiet_layout)) \
  $(if $(filter oci.tar,$2),--archive $(__ocidiet_archive) $(__ocidiet_image)) --depfile $(__ocidiet_first).d \
  --depfile-target $(__ocidiet_first).stamp --depfile-style make --keep-mtime $(__ocidiet_content))

# Usage: $(call __ocidiet_same,A,B): not empty where both are the same text.
__ocidiet_same = $(and $(findstring x$1x,x$2x),$(findstring x$2x,x$1x))
__ocidiet_quoted = '$(subst ','\'',$1)'
__ocidiet_flags := $(filter-out --%,$(firstword -$(MAKEFLAGS)))
__ocidiet_dry := $(findstring n,$(__ocidiet_flags))$(findstring q,$(__ocidiet_flags))
__ocidiet_loud = $(filter 1,$(call __ocidiet_set,V))
__ocidiet_say = $(if $(__ocidiet_loud)$(findstring s,$(__ocidiet_flags)),:,$(IMAGE_QUIET))

__ocidiet_engine = $(eval __ocidiet_engine := $$(or $$(call __ocidiet_set,IMAGE_ENGINE),$$(shell \
  for e in docker podman; do if $$$$e version >/dev/null 2>&1; then echo $$$$e; break; fi; done),$$(error \
  no container engine answers: install docker or podman, or set IMAGE_ENGINE)))$(__ocidiet_engine)
# What an engine calls an image is the digest of its configuration or of its manifest; the archive names both.
define __ocidiet_load
id=$$($(__ocidiet_engine) image inspect -f '{{.Id}}' $(__ocidiet_ref) 2>/dev/null) || id=; \
if [ -z "$$id" ] || ! tar -xOf $(__ocidiet_archive) manifest.json index.json | grep -q "$${id#sha256:}"; then \
  $(__ocidiet_say) LOAD $(__ocidiet_ref); \
  $(__ocidiet_engine) load -q -i $(__ocidiet_archive) >/dev/null; \
fi
endef
# The registry that the image's name begins with, if there is one: `docker` tells it by its form.
__ocidiet_registry = $(and $(findstring /,$(__ocidiet_ref)),$(foreach w,$(firstword $(subst /, ,$(__ocidiet_ref))),$(filter \
  localhost,$w)$(findstring .,$w)$(findstring :,$w)))
define __ocidiet_push
$(if $(__ocidiet_registry),,$(error $(__ocidiet_ref) names no registry to push to: set IMAGE_NAME, as registry.example/$1))\
command -v skopeo >/dev/null || { echo 'image-push needs skopeo: install it, or push $(__ocidiet_archive) with another tool' >&2; exit 1; }; \
$(__ocidiet_say) PUSH $(__ocidiet_ref); \
skopeo --insecure-policy copy -q --preserve-digests $(call __ocidiet_get,IMAGE_PUSHFLAGS,$1) oci-archive:$(__ocidiet_archive) docker://$(__ocidiet_ref)
endef
# The file that is a whole image: a layer is none.
__ocidiet_whole = $(if $(call __ocidiet_get,IMAGE_BASE,$1)$(filter merged,$(call __ocidiet_get,IMAGE_LAYOUT,$1)),$(__ocidiet_archive),$(call \
  __ocidiet_files,$1,$(firstword $(__ocidiet_formats))))

# The stamp names all that the image depends on, holds the command that made it, and has the depfile's
# time, which is the start of the run: an input that changes behind the tool's last look is newer. An
# image of unchanged content keeps its time, so that nothing behind it runs. Under -q and -n Make would
# take the stamp's newer time for work to do on the image, hence `|`.
# Usage: $(call __ocidiet_rules,NAME,FORMATS,first file)
define __ocidiet_rules
$3.stamp: $(__ocidiet_inputs) $(if $(filter-out $(wildcard $(__ocidiet_files) $3.d),$(__ocidiet_files) $3.d),FORCE) \
  $(if $(call __ocidiet_same,$(strip $(file <$3.stamp)),$(__ocidiet_command)),,FORCE) $(if $(__ocidiet_install),image-install-$1)
	@set -e; mkdir -p $$(@D); $$(foreach f,$(__ocidiet_files),$$(__ocidiet_say) IMAGE $$f;)
	$$(if $$(__ocidiet_loud),,@)$$(call __ocidiet_command,$1,$2)
	@printf '%s\n' $$(call __ocidiet_quoted,$$(call __ocidiet_command,$1,$2)) >$$@ && touch -r $3.d $$@
$(__ocidiet_files): $(if $(__ocidiet_dry),|) $3.stamp ;
-include $(wildcard $3.d)
endef

define __ocidiet_targets
ifneq ($(__ocidiet_install),)
# Make cannot know what an installation installs: it is made anew every time. One at a time: each may build.
image-install: image-install-$1
image-install-$1: $(filter-out $(__ocidiet_destdir),$(__ocidiet_inputs)) | $(__ocidiet_installs)
	@$(if $(__ocidiet_dry),,set -e; mkdir -p $(dir $(__ocidiet_destdir)); rm -rf $(__ocidiet_destdir); $$(__ocidiet_say) INSTALL $(__ocidiet_destdir))
	$$(if $$(__ocidiet_loud),,@)$$(MAKE) $$(if $$(__ocidiet_loud),,-s) --no-print-directory -f $(__ocidiet_makefile) $(__ocidiet_install) DESTDIR=$(abspath $(__ocidiet_destdir))
.PHONY: image-install-$1
__ocidiet_installs += image-install-$1
endif

image: $(call __ocidiet_files,$1,$(__ocidiet_formats))
image-load: image-load-$1
image-push: image-push-$1
image-list: image-list-$1
image-tree: image-tree-$1
image-verify: image-verify-$1
image-load-$1: $(__ocidiet_archive)
	@$$(call __ocidiet_load,$1)
image-run-$1: image-load-$1
	@$$(__ocidiet_engine) run --rm $$(call __ocidiet_get,IMAGE_RUNFLAGS,$1) $$(call __ocidiet_ref,$1) $$(call __ocidiet_set,ARGS)
image-push-$1: $(__ocidiet_archive)
	@$$(call __ocidiet_push,$1)
image-list-$1 image-tree-$1: $(__ocidiet_inputs) $(if $(__ocidiet_install),image-install-$1)
	@$$(OCIDIET) $$(if $$(filter image-tree%,$$@),-vv,-v) -t - $$(strip $$(call __ocidiet_layout,$1) $$(call __ocidiet_content,$1)) 2>&1 >/dev/null
image-verify-$1: $(__ocidiet_whole)
	@$$(OCIDIET) verify $(__ocidiet_whole)
.PHONY: image-load-$1 image-run-$1 image-push-$1 image-list-$1 image-tree-$1 image-verify-$1
IMAGE_CLEANFILES += $(foreach f,$(__ocidiet_tar) $(__ocidiet_archive),$f $f.d $f.state $f.stamp)
endef

.PHONY: image image-load image-run image-push image-list image-tree image-verify image-install image-clean FORCE
FORCE:
image-install:

image-clean:
	rm -f $(IMAGE_CLEANFILES)$(if $(__ocidiet_installs), && rm -rf $(foreach n,$(patsubst image-install-%,%,$(__ocidiet_installs)),$(call __ocidiet_destdir,$n)))

# What `image` makes is of one run; another format, for another goal, of its own.
__ocidiet_make = $(eval $(call __ocidiet_rules,$1,$2,$(__ocidiet_first)))
$(foreach n,$(__ocidiet_images),$(eval $(call __ocidiet_targets,$n))$(call __ocidiet_make,$n,$(call __ocidiet_formats,$n))$(foreach \
  f,$(filter-out $(call __ocidiet_formats,$n),tar oci.tar),$(call __ocidiet_make,$n,$f)))
ifeq ($(__ocidiet_images),)
image image-load image-run image-push image-list image-tree image-verify:
	@$(error $(if $(__ocidiet_stages),the image has no name; set IMAGES,IMAGE_BINARIES is empty; set it) before the include)
else ifeq ($(word 2,$(__ocidiet_images)),)
image-run: image-run-$(__ocidiet_images)
else
image-run:
	@$(error several images: choose one of $(addprefix image-run-,$(__ocidiet_images)))
endif

.DEFAULT_GOAL := $(__ocidiet_default_goal)
.RECIPEPREFIX := $(__ocidiet_prefix)
unexport $(filter __ocidiet%,$(.VARIABLES))
endif
