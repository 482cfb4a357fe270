# musl: a relative item of a path list counts from the working directory.
musl "$PWD/m"
lib rel/liba.so
program rel/liba.so -Wl,-rpath,rel
