// x86-64-v3. Compiled with -march=x86-64-v3; exports one symbol.
#define STARGLOW_VECTOR_BYTES 32
#define STARGLOW_TILE_ROWS 6
#define STARGLOW_TILE_VECTORS 2
#define STARGLOW_TABLE k_table_v3
#define STARGLOW_ISA_NAME "x86-64-v3"
#include "kernels/body.hpp"
