// The NIST Statistical Reference Datasets for nonlinear regression (public domain), as they are in the folder nist.
#pragma once

#include <string_view>
#include <vector>

namespace scout {

/// What a file says.
struct NistData {
  std::string_view name;
  std::vector<double> starts[2];  ///< [M] each: far and near
  std::vector<double> certified;  ///< [M]
  double certified_sum = 0;       ///< residual sum of squares
  int predictors = 1;
  std::vector<double> response;   ///< [N]
  std::vector<double> predictor;  ///< [N, predictors]
};

/// Reads the text of a data set. Throws std::invalid_argument naming the data set if it is not as NIST writes them.
NistData parse_nist(std::string_view name, std::string_view text);

/// The text of one data set; std::invalid_argument if there is none of that name. (Made by CMake from the folder nist.)
std::string_view nist_text(std::string_view name);

}  // namespace scout
