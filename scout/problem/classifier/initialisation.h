// Where the training of a network starts: good places and bad ones.
#pragma once

#include <string>

#include "scout/base/random.h"
#include "scout/problem/classifier/classifier.h"

namespace scout {

/// The schemes, by name. Biases are 0 and scales of normalisations 1 where nothing else is said.
///
/// - glorot: uniform in ±√(6 / (fan_in + fan_out)) (Glorot & Bengio 2010);
/// - he: N(0, 2 / fan_in) (He et al. 2015);
/// - lsuv: orthonormal matrices, scaled layer by layer until the outputs on a batch have variance 1 (Mishkin & Matas 2016);
/// - normal: N(0, 0.01²), biases too (Andrychowicz et al. 2016);
/// - small: glorot times 0.01; large: glorot times 10;
/// - saturated: glorot, and biases N(0, 5²) that push units to where their slopes vanish.
const std::vector<std::string>& initialisations();

/// No start has a parameter of `tensor` beyond ± this; tails of normal distributions are cut off there (at four standard
/// deviations).
double start_bound(const std::string& initialisation, const ParameterTensor& tensor);

/// Draws `theta` [M]. `inputs` [B, input size] is the batch that lsuv looks at.
void initialise(const std::string& initialisation, const Classifier& classifier, std::span<const float> inputs,
                Random& random, std::span<float> theta);

}  // namespace scout
