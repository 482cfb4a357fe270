# DF_1_NODEFLIB: what only a default directory has is not found.
program -nostdlib -Wl,-z,nodefaultlib,-e,0 -lm
