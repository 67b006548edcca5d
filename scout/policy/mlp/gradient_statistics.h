// What per-weight perceptrons see of a tensor: running averages of its gradients, each weight's own and Adafactor's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "scout/policy/weight/weight_stepper.h"

namespace scout {

/// A tensor as a matrix of its first dimension by all others together. Those with a side of less than two, and vectors,
/// have neither rows nor columns.
struct MatrixSides {
  std::size_t rows = 0;
  std::size_t columns = 0;

  bool matrix() const { return rows > 0; }
};
MatrixSides sides_of(const TensorShape& shape);

/// Running averages of the gradient g of every weight of a tensor,
///
///     m_k <- β_k m_k + (1 - β_k) g,     v <- β v + (1 - β) g²,
///
/// and those of Adafactor (Shazeer & Stern 2018): of the means of g² + 1e-30 over each of the longer side's lines ("row",
/// one a place on the shorter side) and over each of the other's ("column"), a row and a column for each of three decays. A
/// weight of what is no matrix has averages of its own g² + 1e-30 instead. None is corrected for its bias.
///
/// Features of a weight: the inputs of Metz et al. 2022, "Practical tradeoffs between memory, compute, and performance in
/// learned optimizers", but for the time. With x^-½ of at least 1e-9 in the factors of a row, R, and of a column, C:
///
///     g  θ  m_k  v  m_k/√(v + ε)  1/√(v + ε)  g R_k C_k  row_k  column_k  1/√(row_k + 1e-8)  1/√(column_k + 1e-8)  m_k R_k
///     C_k R = (row / (mean of rows + 1e-9))^-½,     C = column^-½
///
/// and of what is no matrix, with its own average a: row = column = a, g (a + 1e-9)^-½ and m_k (a + 1e-6)^-½.
class GradientStatistics {
 public:
  static constexpr std::size_t kDecays = 3;
  static constexpr std::size_t kNumbers = 2 * kDecays + 1;  ///< kept of a weight: the m, v, and room for rows and columns
  static constexpr std::size_t kFeatures = 28;
  static constexpr std::size_t kThetaFeature = 1;
  static constexpr std::size_t kScaledMomentum = 6;  ///< the feature m_0/√(v + ε)

  /// Decays, each in [0, 1).
  struct Decays {
    std::array<float, kDecays> momentum{0.9F, 0.99F, 0.999F};
    float square = 0.999F;
    std::array<float, kDecays> factored{0.9F, 0.99F, 0.999F};
  };
  /// How a gradient is seen: times `factor`, 0 where that is not finite, and within ±bound. bound: at most 1e18, whose
  /// square is finite.
  struct Lens {
    float factor = 1;
    float bound = 1e18F;

    float operator()(float gradient) const;
  };

  /// Takes in the gradients of a whole tensor of `n` weights, whose state has kNumbers numbers a weight. Returns how many
  /// were not finite. What `tensor` points to has to stay until the last `write`.
  std::int64_t update(const Decays& decays, const MatrixSides& sides, const Lens& lens, const WeightPiece& tensor,
                      std::size_t n);
  /// The features of weight `i` [kFeatures]. `epsilon`: ε.
  void write(std::size_t i, float epsilon, float* out) const;

  /// Of weight `i`: the gradient as it is seen, the momentum of the first decay, and v.
  float gradient(std::size_t i) const { return lens_(tensor_.gradient[i]); }
  float momentum(std::size_t i) const { return number(0)[i]; }
  float square(std::size_t i) const { return number(kDecays)[i]; }

 private:
  /// Of one place on a side, for each decay.
  struct Line {
    std::array<float, kDecays> mean, root, factor;
  };
  float* number(std::size_t k) const { return static_cast<float*>(tensor_.state) + k * tensor_.stride; }
  void update_sides(const Decays& decays);

  MatrixSides sides_;
  Lens lens_;
  WeightPiece tensor_;
  std::size_t size_ = 0;
  std::vector<double> row_sums_, column_sums_;  // of g², by place in the tensor as it lies
  std::vector<Line> rows_, columns_;            // likewise
};

}  // namespace scout
