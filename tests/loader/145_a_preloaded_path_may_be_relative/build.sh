# A name with a slash in LD_PRELOAD counts from the working directory.
lib sub/libp.so
lib own/sub/libp.so
program "-Wl,-rpath,$PWD/own"
option --preload sub/libp.so
