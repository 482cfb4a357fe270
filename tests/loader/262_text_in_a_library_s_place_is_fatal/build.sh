# A candidate that is no ELF file ends the start; the next directory is not tried.
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/text:$PWD/l"
mkdir text
echo 'INPUT(libc.so.6) /* longer than an ELF header, so that it is not too short to be one ****** */' >text/liba.so
