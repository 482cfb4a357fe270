# What an object with a DT_RUNPATH needs is not looked for in the program's DT_RPATH.
lib own/libm.so.6
lib own/liba.so own/libm.so.6 "-Wl,-rpath,$PWD/none"
program own/liba.so "-Wl,--disable-new-dtags,-rpath,$PWD/own"
