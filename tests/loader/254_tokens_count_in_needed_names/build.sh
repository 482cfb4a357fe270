# Tokens are expanded in DT_NEEDED; a name without a slash is then searched for.
lib l/libx86_64.so '-Wl,-soname,lib$PLATFORM.so'
lib l/deep/libb.so '-Wl,-soname,$ORIGIN/deep/libb.so'
lib l/liba.so l/deep/libb.so
program l/libx86_64.so l/liba.so "-Wl,-rpath,$PWD/l"
