# Tokens are expanded in DT_AUXILIARY, from the filter's origin.
lib l/x86_64/libfiltee.so
lib l/liba.so '-Wl,-f,$ORIGIN/$PLATFORM/libfiltee.so'
program l/liba.so "-Wl,-rpath,$PWD/l"
