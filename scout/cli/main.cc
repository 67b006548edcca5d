#include <cblas.h>

#include "scout/cli/commands.h"

int main(int argc, char** argv) {
  openblas_set_num_threads(1);  // the program's own threads share the work out
  return scout::run_program(argc, argv);
}
