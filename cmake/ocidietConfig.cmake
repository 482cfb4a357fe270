# find_package(ocidiet 0.1 CONFIG REQUIRED): images as targets of a CMake project.
#
#   cmake -B build -Docidiet_DIR="$(ocidiet --cmakedir)"
#
# +++ function +++
#   ocidiet_add_image(NAME TARGETS target... [keyword value...])
#     NAME          a target that makes the image, a root file system tar; in `all` only with ALL
#     TARGETS       executables, shared and module libraries, imported ones too
#     EXTRA         more files, directories and links: SRC[:DEST]...
#     ROOT          where libraries come from                       [see "the root", below]
#     BASE          an image to lie over: the tar is a layer of what it lacks
#     LAYOUT        portable, scratch, merged or split              [portable]
#     INSTALL_COMPONENT  all that `cmake --install` installs of this component, at its places; TARGETS then
#                   says no more than what must be built before. Staged and looked at in every build
#     OUTPUT_NAME   the image is OUTPUT_NAME.tar                    [NAME]
#     OPTIONS       more options of the tool, words
#   Each of these says what an image is, and has OUTPUT_NAME.oci.tar made too, by the same run; engines load it:
#     TAG           its name, NAME[:TAG]                            [OUTPUT_NAME:latest]
#     ENTRYPOINT    the command that a container starts: words, of which the first may be a target
#                                                                   [the program, if only one]
#     CMD, USER, WORKDIR, ENV and LABEL (NAME=value...)
#     IMAGE_OPTIONS more options that say what it is: --layers auto, --expose 80
#   The image stands in CMAKE_CURRENT_BINARY_DIR, of several configurations in one directory each;
#   $<GENEX_EVAL:$<TARGET_PROPERTY:NAME,OCIDIET_IMAGE>> is its path, and OCIDIET_ARCHIVE that of the .oci.tar.
#   EXTRA, OPTIONS and what says what an image is may hold generator expressions.
#
# +++ targets +++
#   image         make every image
#   NAME_list     list the entries: path, size, reason
#   NAME_tree     the same, and who needs what
#   NAME_verify   make the image, and look again whether it is complete
#   NAME_load     put the .oci.tar, if one is made, into the container engine
#
# +++ variables +++                                                              [default]
#   OCIDIET                                     the tool, words       [what lies beside this file]
#   OCIDIET_ENGINE                              the container engine, words  [docker, else podman: who answers]
#   CMAKE_INSTALL_BINDIR, CMAKE_INSTALL_LIBDIR  where targets go, below /usr/local [GNUInstallDirs]
#
# It needs CMake 3.20, and 3.21 with Ninja Multi-Config, whose DEPFILE names a configuration.
# This page decides nothing: it turns keywords into one call of the tool. Private names start with __ocidiet.

cmake_minimum_required(VERSION 3.20...3.31)

# The tool beside this page: `tool` in the caller. The package's own Python is known to be new enough.
function(__ocidiet_tool)
  set(tool "${OCIDIET}")
  foreach(main ../__main__.py ../ocidiet/__main__.py ocidiet.pyz)
    cmake_path(ABSOLUTE_PATH main BASE_DIRECTORY ${CMAKE_CURRENT_FUNCTION_LIST_DIR} NORMALIZE)
    if(NOT tool AND EXISTS ${main})
      find_program(OCIDIET_PYTHON python3 HINTS ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../../../../../bin
        NO_CMAKE_FIND_ROOT_PATH REQUIRED)
      mark_as_advanced(OCIDIET_PYTHON)
      set(tool ${OCIDIET_PYTHON} -IS ${main})
    endif()
  endforeach()
  if(NOT tool)
    set(tool ocidiet)
  endif()
  set(tool "${tool}" PARENT_SCOPE)
endfunction()

# The root, `root` in the caller: ROOT, else CMAKE_SYSROOT, else the first of CMAKE_FIND_ROOT_PATH that holds
# a program interpreter, else the machine's own, which is never taken when cross-compiling.
function(__ocidiet_root name given)
  set(root "${given}")
  set(from ROOT)
  if(NOT root)
    set(root "${CMAKE_SYSROOT}")
    set(from CMAKE_SYSROOT)
  endif()
  if(NOT root)
    set(from CMAKE_FIND_ROOT_PATH)
    foreach(directory IN LISTS CMAKE_FIND_ROOT_PATH)
      file(GLOB interpreters ${directory}/lib*/ld*.so.[0-9]*)
      if(interpreters)
        set(root ${directory})
        break()
      endif()
    endforeach()
  endif()
  if(CMAKE_CROSSCOMPILING AND (NOT root OR root STREQUAL "/"))
    message(FATAL_ERROR "ocidiet_add_image(${name}): cross-compiling, and no root to take libraries from: set CMAKE_SYSROOT, "
      "or name a directory that holds the target's program interpreter (lib/ld*.so.*) in CMAKE_FIND_ROOT_PATH or with ROOT")
  endif()
  if(root)
    cmake_path(ABSOLUTE_PATH root BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
    message(STATUS "ocidiet: ${name}: root ${root} (${from})")
  endif()
  set(root "${root}" PARENT_SCOPE)
endfunction()

# The exec form of `words`, `json` in the caller.
function(__ocidiet_json words)
  string(REPLACE "\\" "\\\\" words "${words}")
  string(REPLACE "\"" "\\\"" words "${words}")
  string(REPLACE ";" "\",\"" words "${words}")
  set(json "[\"${words}\"]" PARENT_SCOPE)
endfunction()

function(ocidiet_add_image name)
  set(single ROOT BASE LAYOUT INSTALL_COMPONENT OUTPUT_NAME TAG USER WORKDIR)
  set(lists ENTRYPOINT CMD ENV LABEL IMAGE_OPTIONS)
  cmake_parse_arguments(PARSE_ARGV 1 arg ALL "${single}" "TARGETS;EXTRA;OPTIONS;${lists}")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "ocidiet_add_image(${name}): unknown: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  list(JOIN single "|" single)
  if(arg_KEYWORDS_MISSING_VALUES MATCHES "(^|;)(${single})(;|$)")
    message(FATAL_ERROR "ocidiet_add_image(${name}): without a value: ${arg_KEYWORDS_MISSING_VALUES}")
  elseif(NOT arg_TARGETS)
    message(FATAL_ERROR "ocidiet_add_image(${name}): TARGETS is missing")
  endif()
  include(GNUInstallDirs)
  cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_BINDIR BASE_DIRECTORY /usr/local OUTPUT_VARIABLE bindir)
  cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_LIBDIR BASE_DIRECTORY /usr/local OUTPUT_VARIABLE libdir)
  if(NOT arg_OUTPUT_NAME)
    set(arg_OUTPUT_NAME ${name})
  endif()
  get_property(several GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
  set(config "")
  if(several AND CMAKE_VERSION VERSION_LESS 3.21)
    message(FATAL_ERROR "ocidiet_add_image(${name}): several configurations in one build tree need CMake 3.21")
  elseif(several)
    set(config $<CONFIG>/)
  endif()
  set(image ${CMAKE_CURRENT_BINARY_DIR}/${config}${arg_OUTPUT_NAME}.tar)

  __ocidiet_tool()
  __ocidiet_root(${name} "${arg_ROOT}")
  set(content "")
  if(NOT arg_OPTIONS MATCHES "--build-tree")
    list(APPEND content --build-tree ${CMAKE_BINARY_DIR})
  endif()
  if(root)
    list(APPEND content --root ${root})
  endif()
  set(files "")
  if(arg_LAYOUT)
    list(APPEND content --layout ${arg_LAYOUT})
  endif()
  if(arg_BASE)
    if(NOT arg_BASE MATCHES "^(/|[$]<)")
      set(arg_BASE ${CMAKE_CURRENT_SOURCE_DIR}/${arg_BASE})
    endif()
    list(APPEND content --base ${arg_BASE})
  endif()
  foreach(target IN LISTS arg_TARGETS)
    if(NOT TARGET ${target})
      message(FATAL_ERROR "ocidiet_add_image(${name}): ${target} is no target (yet)")
    endif()
    get_target_property(type ${target} TYPE)
    get_target_property(imported ${target} IMPORTED)
    if(arg_INSTALL_COMPONENT)
      continue()
    elseif(type STREQUAL EXECUTABLE)
      list(APPEND content -b $<TARGET_FILE:${target}>:${bindir}/$<TARGET_FILE_NAME:${target}>)
    elseif(type STREQUAL SHARED_LIBRARY AND NOT imported)
      # By the name that others ask for, not by that of the file with its whole version.
      list(APPEND content -b $<TARGET_FILE:${target}>:${libdir}/$<TARGET_SONAME_FILE_NAME:${target}>)
    elseif(type MATCHES "^(SHARED|MODULE|UNKNOWN)_LIBRARY$")
      list(APPEND content -b $<TARGET_FILE:${target}>:${libdir}/$<TARGET_FILE_NAME:${target}>)
    else()
      message(FATAL_ERROR "ocidiet_add_image(${name}): ${target} (${type}) is neither a program nor a library that a loader maps")
    endif()
  endforeach()
  foreach(extra IN LISTS arg_EXTRA)
    if(NOT extra MATCHES "^(=|/|[$]<)")
      set(extra ${CMAKE_CURRENT_SOURCE_DIR}/${extra})
    endif()
    list(APPEND content -e ${extra})
    # For the first build alone, in which another rule may have to make it; the depfile knows the rest.
    string(REGEX REPLACE ":/.*" "" file ${extra})
    if(file MATCHES "^/" AND NOT IS_DIRECTORY ${file})
      list(APPEND files ${file})
    endif()
  endforeach()
  list(APPEND content ${arg_OPTIONS})
  set(told "")
  if(arg_ENTRYPOINT)
    list(GET arg_ENTRYPOINT 0 first)
    if(TARGET ${first})
      set(there ${bindir})
      if(arg_INSTALL_COMPONENT)
        set(there ${CMAKE_INSTALL_FULL_BINDIR})
      endif()
      list(REMOVE_AT arg_ENTRYPOINT 0)
      list(PREPEND arg_ENTRYPOINT ${there}/$<TARGET_FILE_NAME:${first}>)
    endif()
    __ocidiet_json("${arg_ENTRYPOINT}")
    list(APPEND told --entrypoint ${json})
  endif()
  if(arg_CMD)
    __ocidiet_json("${arg_CMD}")
    list(APPEND told --cmd ${json})
  endif()
  foreach(word IN ITEMS TAG USER WORKDIR ENV LABEL)
    string(TOLOWER --${word} option)
    foreach(value IN LISTS arg_${word})
      list(APPEND told ${option} ${value})
    endforeach()
  endforeach()
  list(APPEND told ${arg_IMAGE_OPTIONS})
  set(archive "")
  if(told)
    set(archive ${CMAKE_CURRENT_BINARY_DIR}/${config}${arg_OUTPUT_NAME}.oci.tar)
    list(PREPEND told --archive ${archive})
  endif()
  set(comment "Packing image ${arg_OUTPUT_NAME}.tar")
  set(all "")
  if(arg_ALL)
    set(all ALL)
  endif()

  set(stage "")
  set(missing "")
  set(byproducts BYPRODUCTS ${image} ${archive})
  set(ready ${arg_TARGETS})
  if(arg_INSTALL_COMPONENT)
    # Nothing tells what `cmake --install` reads, so it runs in every build; an image of unchanged
    # content still ends the build there. A file that is no longer installed must not stay.
    set(stage ${CMAKE_CURRENT_BINARY_DIR}/${config}${arg_OUTPUT_NAME}.destdir)
    list(APPEND content --destdir ${stage})
    add_custom_target(${name} ${all}
      COMMAND ${CMAKE_COMMAND} -E rm -rf ${stage}
      COMMAND sh -c "exec \"$@\" >/dev/null" - ${CMAKE_COMMAND} -E env DESTDIR=${stage}
        ${CMAKE_COMMAND} --install ${CMAKE_BINARY_DIR} --component ${arg_INSTALL_COMPONENT}
        $<$<BOOL:$<CONFIG>>:--config$<SEMICOLON>$<CONFIG>>
      COMMAND ${tool} -t ${image} ${content} ${told} --keep-mtime
      DEPENDS ${files} ${byproducts} COMMENT ${comment} COMMAND_EXPAND_LISTS VERBATIM)
    add_dependencies(${name} ${arg_TARGETS})
    set(ready ${name})
  else()
    if(NOT CMAKE_GENERATOR MATCHES Ninja)
      # A by-product that is gone is no reason for a Makefile to run the rule, and of two outputs it
      # touches the second after every run. What has no prerequisites runs only while it is absent.
      set(missing ${image} ${archive})
      foreach(file IN LISTS missing)
        add_custom_command(OUTPUT ${file} COMMAND ${CMAKE_COMMAND} -E true COMMENT "" VERBATIM)
      endforeach()
      set(byproducts "")
    endif()
    # The stamp is as old as the start of the run: what was written since then is newer. The image of
    # unchanged content keeps its time, so that nothing behind it runs.
    add_custom_command(OUTPUT ${image}.stamp ${byproducts}
      COMMAND ${tool} -t ${image} ${content} ${told} --keep-mtime
        --depfile ${image}.d --depfile-target ${image}.stamp --depfile-style cmake
      COMMAND touch -r ${image}.d ${image}.stamp
      DEPENDS ${arg_TARGETS} ${files} ${missing} DEPFILE ${image}.d
      COMMENT ${comment} COMMAND_EXPAND_LISTS VERBATIM)
    add_custom_target(${name} ${all} DEPENDS ${image}.stamp)
  endif()
  set_target_properties(${name} PROPERTIES OCIDIET_IMAGE ${image} OCIDIET_ARCHIVE "${archive}"
    ADDITIONAL_CLEAN_FILES "${image}.d;${image}.state;${stage};$<$<BOOL:${archive}>:${archive}.state>")

  set(look sh -c "exec \"$@\" 2>&1 >/dev/null" - ${tool} -t - ${content})
  foreach(verb IN ITEMS list tree)
    string(REPLACE list -v flag ${verb})
    string(REPLACE tree -vv flag ${flag})
    add_custom_target(${name}_${verb} COMMAND ${look} ${flag} DEPENDS ${files} COMMENT "" COMMAND_EXPAND_LISTS VERBATIM)
    add_dependencies(${name}_${verb} ${ready})
  endforeach()
  set(whole ${image})
  if(archive)
    # The tar may be a layer.
    set(whole ${archive})
    set(engine ${OCIDIET_ENGINE})
    if(NOT engine)
      # Without a semicolon, which would divide a list.
      string(CONCAT script "docker version >/dev/null 2>&1 && exec docker \"$@\" || podman version >/dev/null 2>&1 && "
        "exec podman \"$@\" || echo 'no container engine answers: install docker or podman, or set OCIDIET_ENGINE' >&2 && false")
      set(engine sh -c ${script} -)
    endif()
    add_custom_target(${name}_load COMMAND ${engine} load -i ${archive} COMMENT "" VERBATIM)
    add_dependencies(${name}_load ${name})
  endif()
  add_custom_target(${name}_verify COMMAND ${tool} verify ${whole} COMMENT "" VERBATIM)
  add_dependencies(${name}_verify ${name})
  if(NOT TARGET image)
    add_custom_target(image)
  endif()
  if(NOT name STREQUAL image)
    add_dependencies(image ${name})
  endif()
endfunction()
