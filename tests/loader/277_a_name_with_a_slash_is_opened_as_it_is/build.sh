# A needed name that holds a slash is not searched for; a relative one counts from the working directory.
lib sub/liba.so -Wl,-soname,sub/liba.so
lib 'sub/libb.so' '-Wl,-soname,${ORIGIN}/sub/libb.so'
lib own/sub/liba.so
program sub/liba.so sub/libb.so "-Wl,-rpath,$PWD/own"
