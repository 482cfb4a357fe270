# A position-independent executable (DF_1_PIE) in a library's place ends the start.
lib liba.so
program liba.so "-Wl,-rpath,$PWD"
cc -pie -o liba.so "$MAIN"
