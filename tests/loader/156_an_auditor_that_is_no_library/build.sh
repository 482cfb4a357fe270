# A text in an auditor's place is warned of, and passed over.
mkdir own
echo 'no library, but a text that is longer than an ELF header, so that it is not too short' >own/libone.so
program "-Wl,-rpath,$PWD/own,--audit,libone.so"
told runs
