// value(f, x) and slope(f, x) = d value / dx of every function in elementwise.h; for two operands value(f, a, b),
// slope_first and slope_second. No include guard: each backend includes this into a namespace of its own that provides
// JOIST_FUNCTION, the functions that elementwise.h lists for scalars, select and largest_of for its number type T,
// which also has the arithmetic and comparison operators and construction from double.

JOIST_FUNCTION value(const Identity&, T x) { return x; }
JOIST_FUNCTION slope(const Identity&, T) { return T(1.0); }

JOIST_FUNCTION value(const Affine& f, T x) { return T(f.scale) * x + T(f.shift); }
JOIST_FUNCTION slope(const Affine& f, T) { return T(f.scale); }

JOIST_FUNCTION value(const Absolute&, T x) { return abs(x); }
JOIST_FUNCTION slope(const Absolute&, T x) { return select(x > T(0.0), T(1.0), select(x < T(0.0), T(-1.0), T(0.0))); }

JOIST_FUNCTION value(const Square&, T x) { return x * x; }
JOIST_FUNCTION slope(const Square&, T x) { return x + x; }

JOIST_FUNCTION value(const SquareRoot&, T x) { return sqrt(x); }
JOIST_FUNCTION slope(const SquareRoot&, T x) { return T(0.5) / sqrt(x); }

JOIST_FUNCTION value(const Reciprocal&, T x) { return T(1.0) / x; }
JOIST_FUNCTION slope(const Reciprocal&, T x) { return T(-1.0) / (x * x); }

JOIST_FUNCTION value(const Exponential&, T x) { return exp(x); }
JOIST_FUNCTION slope(const Exponential&, T x) { return exp(x); }

JOIST_FUNCTION value(const Logarithm&, T x) { return log(x); }
JOIST_FUNCTION slope(const Logarithm&, T x) { return T(1.0) / x; }

JOIST_FUNCTION value(const Sine&, T x) { return sin(x); }
JOIST_FUNCTION slope(const Sine&, T x) { return cos(x); }

JOIST_FUNCTION value(const Cosine&, T x) { return cos(x); }
JOIST_FUNCTION slope(const Cosine&, T x) { return T(0.0) - sin(x); }

JOIST_FUNCTION value(const Power& f, T x) { return pow(x, f.exponent); }
JOIST_FUNCTION slope(const Power& f, T x) { return T(f.exponent) * pow(x, f.exponent - 1.0); }

JOIST_FUNCTION value(const HyperbolicTangent&, T x) { return tanh(x); }
JOIST_FUNCTION slope(const HyperbolicTangent&, T x) {
  const T y = tanh(x);
  return T(1.0) - y * y;
}

JOIST_FUNCTION value(const Sigmoid&, T x) { return T(1.0) / (T(1.0) + exp(T(0.0) - x)); }
JOIST_FUNCTION slope(const Sigmoid&, T x) {
  const T y = value(Sigmoid{}, x);
  return y * (T(1.0) - y);
}

JOIST_FUNCTION value(const Relu&, T x) { return max(x, T(0.0)); }
JOIST_FUNCTION slope(const Relu&, T x) { return select(x > T(0.0), T(1.0), T(0.0)); }

JOIST_FUNCTION value(const LeakyRelu& f, T x) { return select(x > T(0.0), x, T(f.slope) * x); }
JOIST_FUNCTION slope(const LeakyRelu& f, T x) { return select(x > T(0.0), T(1.0), T(f.slope)); }

JOIST_FUNCTION value(const Elu& f, T x) { return select(x > T(0.0), x, T(f.alpha) * (exp(min(x, T(0.0))) - T(1.0))); }
JOIST_FUNCTION slope(const Elu& f, T x) { return select(x > T(0.0), T(1.0), T(f.alpha) * exp(min(x, T(0.0)))); }

JOIST_FUNCTION value(const Clamp& f, T x) { return min(max(x, T(f.low)), T(f.high)); }
JOIST_FUNCTION slope(const Clamp& f, T x) {
  return select(x > T(f.low), select(x < T(f.high), T(1.0), T(0.0)), T(0.0));
}

JOIST_FUNCTION value(const Silu&, T x) { return x * value(Sigmoid{}, x); }
JOIST_FUNCTION slope(const Silu&, T x) {
  const T y = value(Sigmoid{}, x);
  return y * (T(1.0) + x * (T(1.0) - y));
}

JOIST_FUNCTION value(const Gelu&, T x) { return T(0.5) * x * (T(1.0) + erf(x * T(0.70710678118654752))); }
JOIST_FUNCTION slope(const Gelu&, T x) {
  return T(0.5) * (T(1.0) + erf(x * T(0.70710678118654752))) + x * T(0.39894228040143268) * exp(T(-0.5) * x * x);
}

JOIST_FUNCTION value(const GeluTanh&, T x) {
  return T(0.5) * x * (T(1.0) + tanh(T(0.79788456080286536) * (x + T(0.044715) * x * x * x)));
}
JOIST_FUNCTION slope(const GeluTanh&, T x) {
  const T y = tanh(T(0.79788456080286536) * (x + T(0.044715) * x * x * x));
  return T(0.5) * (T(1.0) + y) +
         T(0.5) * x * (T(1.0) - y * y) * T(0.79788456080286536) * (T(1.0) + T(3.0 * 0.044715) * x * x);
}

JOIST_FUNCTION value(const HardSigmoid&, T x) { return min(max(x * T(1.0 / 6.0) + T(0.5), T(0.0)), T(1.0)); }
JOIST_FUNCTION slope(const HardSigmoid&, T x) {
  return select(x > T(-3.0), select(x < T(3.0), T(1.0 / 6.0), T(0.0)), T(0.0));
}

JOIST_FUNCTION value(const HardSwish&, T x) { return x * value(HardSigmoid{}, x); }
JOIST_FUNCTION slope(const HardSwish&, T x) {
  return select(x > T(-3.0), select(x < T(3.0), x * T(1.0 / 3.0) + T(0.5), T(1.0)), T(0.0));
}

JOIST_FUNCTION value(const Softplus& f, T x) {
  const T z = T(f.beta) * x;
  return select(z > T(f.threshold), x, (max(z, T(0.0)) + log1p(exp(T(0.0) - abs(z)))) * T(1.0 / f.beta));
}
JOIST_FUNCTION slope(const Softplus& f, T x) {
  const T z = T(f.beta) * x;
  return select(z > T(f.threshold), T(1.0), value(Sigmoid{}, z));
}

JOIST_FUNCTION value(const ReciprocalRoot&, T x) { return T(1.0) / sqrt(x); }
JOIST_FUNCTION slope(const ReciprocalRoot&, T x) { return T(-0.5) / (x * sqrt(x)); }

JOIST_FUNCTION value(const Exponential2&, T x) { return exp2(x); }
JOIST_FUNCTION slope(const Exponential2&, T x) { return T(0.69314718055994531) * exp2(x); }

JOIST_FUNCTION value(const ExponentialMinusOne&, T x) { return expm1(x); }
JOIST_FUNCTION slope(const ExponentialMinusOne&, T x) { return exp(x); }

JOIST_FUNCTION value(const Logarithm2&, T x) { return log2(x); }
JOIST_FUNCTION slope(const Logarithm2&, T x) { return T(1.4426950408889634) / x; }

JOIST_FUNCTION value(const Logarithm10&, T x) { return log10(x); }
JOIST_FUNCTION slope(const Logarithm10&, T x) { return T(0.43429448190325182) / x; }

JOIST_FUNCTION value(const LogarithmPlusOne&, T x) { return log1p_exact(x); }
JOIST_FUNCTION slope(const LogarithmPlusOne&, T x) { return T(1.0) / (T(1.0) + x); }

JOIST_FUNCTION value(const Tangent&, T x) { return tan(x); }
JOIST_FUNCTION slope(const Tangent&, T x) {
  const T y = tan(x);
  return T(1.0) + y * y;
}

JOIST_FUNCTION value(const ArcSine&, T x) { return asin(x); }
JOIST_FUNCTION slope(const ArcSine&, T x) { return T(1.0) / sqrt(T(1.0) - x * x); }

JOIST_FUNCTION value(const ArcCosine&, T x) { return acos(x); }
JOIST_FUNCTION slope(const ArcCosine&, T x) { return T(-1.0) / sqrt(T(1.0) - x * x); }

JOIST_FUNCTION value(const ArcTangent&, T x) { return atan(x); }
JOIST_FUNCTION slope(const ArcTangent&, T x) { return T(1.0) / (T(1.0) + x * x); }

JOIST_FUNCTION value(const HyperbolicSine&, T x) { return sinh(x); }
JOIST_FUNCTION slope(const HyperbolicSine&, T x) { return cosh(x); }

JOIST_FUNCTION value(const HyperbolicCosine&, T x) { return cosh(x); }
JOIST_FUNCTION slope(const HyperbolicCosine&, T x) { return sinh(x); }

JOIST_FUNCTION value(const ArcHyperbolicSine&, T x) { return asinh(x); }
JOIST_FUNCTION slope(const ArcHyperbolicSine&, T x) { return T(1.0) / sqrt(x * x + T(1.0)); }

JOIST_FUNCTION value(const ArcHyperbolicCosine&, T x) { return acosh(x); }
JOIST_FUNCTION slope(const ArcHyperbolicCosine&, T x) { return T(1.0) / sqrt(x * x - T(1.0)); }

JOIST_FUNCTION value(const ArcHyperbolicTangent&, T x) { return atanh(x); }
JOIST_FUNCTION slope(const ArcHyperbolicTangent&, T x) { return T(1.0) / (T(1.0) - x * x); }

JOIST_FUNCTION value(const ErrorFunction&, T x) { return erf(x); }
JOIST_FUNCTION slope(const ErrorFunction&, T x) { return T(1.1283791670955126) * exp(T(0.0) - x * x); }

JOIST_FUNCTION value(const ComplementaryError&, T x) { return erfc(x); }
JOIST_FUNCTION slope(const ComplementaryError&, T x) { return T(-1.1283791670955126) * exp(T(0.0) - x * x); }

JOIST_FUNCTION value(const InverseError&, T x) { return erfinv(x); }
JOIST_FUNCTION slope(const InverseError&, T x) {
  const T y = erfinv(x);
  return T(0.88622692545275801) * exp(y * y);
}

JOIST_FUNCTION value(const LogGamma&, T x) { return lgamma(x); }
JOIST_FUNCTION slope(const LogGamma&, T x) { return digamma(x); }

JOIST_FUNCTION value(const Digamma&, T x) { return digamma(x); }
JOIST_FUNCTION slope(const Digamma&, T x) { return trigamma(x); }

JOIST_FUNCTION value(const Sign&, T x) { return slope(Absolute{}, x); }  // 0 of NaN, as in PyTorch
JOIST_FUNCTION slope(const Sign&, T) { return T(0.0); }

JOIST_FUNCTION value(const Floor&, T x) { return floor(x); }
JOIST_FUNCTION slope(const Floor&, T) { return T(0.0); }

JOIST_FUNCTION value(const Ceiling&, T x) { return ceil(x); }
JOIST_FUNCTION slope(const Ceiling&, T) { return T(0.0); }

JOIST_FUNCTION value(const Round&, T x) { return round_even(x); }
JOIST_FUNCTION slope(const Round&, T) { return T(0.0); }

JOIST_FUNCTION value(const Truncate&, T x) { return trunc(x); }
JOIST_FUNCTION slope(const Truncate&, T) { return T(0.0); }

JOIST_FUNCTION value(const Fraction&, T x) { return x - trunc(x); }
JOIST_FUNCTION slope(const Fraction&, T) { return T(1.0); }

JOIST_FUNCTION value(const Selu&, T x) {
  return T(1.0507009873554805) * select(x > T(0.0), x, T(1.6732632423543772) * expm1(min(x, T(0.0))));
}
JOIST_FUNCTION slope(const Selu&, T x) {
  return T(1.0507009873554805) * select(x > T(0.0), T(1.0), T(1.6732632423543772) * exp(min(x, T(0.0))));
}

JOIST_FUNCTION value(const Celu& f, T x) {
  return select(x > T(0.0), x, T(f.alpha) * expm1(min(x, T(0.0)) * T(1.0 / f.alpha)));
}
JOIST_FUNCTION slope(const Celu& f, T x) { return select(x > T(0.0), T(1.0), exp(min(x, T(0.0)) * T(1.0 / f.alpha))); }

JOIST_FUNCTION value(const Mish&, T x) { return x * tanh(max(x, T(0.0)) + log1p(exp(T(0.0) - abs(x)))); }
JOIST_FUNCTION slope(const Mish&, T x) {
  const T t = tanh(max(x, T(0.0)) + log1p(exp(T(0.0) - abs(x))));
  return t + x * (T(1.0) - t * t) * value(Sigmoid{}, x);
}

JOIST_FUNCTION value(const Softsign&, T x) { return x / (T(1.0) + abs(x)); }
JOIST_FUNCTION slope(const Softsign&, T x) {
  const T d = T(1.0) + abs(x);
  return T(1.0) / (d * d);
}

JOIST_FUNCTION value(const LogSigmoid&, T x) { return min(x, T(0.0)) - log1p(exp(T(0.0) - abs(x))); }
JOIST_FUNCTION slope(const LogSigmoid&, T x) { return value(Sigmoid{}, T(0.0) - x); }

JOIST_FUNCTION value(const Threshold& f, T x) { return select(T(f.threshold) < x, x, select(x == x, T(f.value), x)); }
JOIST_FUNCTION slope(const Threshold& f, T x) { return select(x > T(f.threshold), T(1.0), T(0.0)); }

JOIST_FUNCTION value(const HardShrink& f, T x) {
  return select(x > T(f.lambda), x, select(x < T(-f.lambda), x, select(x == x, T(0.0), x)));
}
JOIST_FUNCTION slope(const HardShrink& f, T x) { return select(abs(x) > T(f.lambda), T(1.0), T(0.0)); }

JOIST_FUNCTION value(const SoftShrink& f, T x) {
  return select(x > T(f.lambda), x - T(f.lambda), select(x < T(-f.lambda), x + T(f.lambda), select(x == x, T(0.0), x)));
}
JOIST_FUNCTION slope(const SoftShrink& f, T x) { return select(abs(x) > T(f.lambda), T(1.0), T(0.0)); }

JOIST_FUNCTION value(const TanhShrink&, T x) { return x - tanh(x); }
JOIST_FUNCTION slope(const TanhShrink&, T x) {
  const T y = tanh(x);
  return y * y;
}

JOIST_FUNCTION value(const Logit& f, T x) {
  const T p = min(max(x, T(f.epsilon)), T(1.0 - f.epsilon));
  return log(p / (T(1.0) - p));
}
JOIST_FUNCTION slope(const Logit& f, T x) {
  const T inside = T(1.0) / (x * (T(1.0) - x));
  return select(x < T(f.epsilon), T(0.0), select(x > T(1.0 - f.epsilon), T(0.0), inside));
}

JOIST_FUNCTION value(const ReplaceNotFinite& f, T x) {
  const T largest(largest_of(x));
  return select(x == x, select(x > largest, T(f.positive), select(x < T(0.0) - largest, T(f.negative), x)), T(f.nan));
}
JOIST_FUNCTION slope(const ReplaceNotFinite&, T x) {
  return select(x == x, select(abs(x) > T(largest_of(x)), T(0.0), T(1.0)), T(0.0));
}

JOIST_FUNCTION value(const Sinc&, T x) {
  const T z = T(3.14159265358979324) * x;
  return select(x == T(0.0), T(1.0), sin(z) / z);
}
JOIST_FUNCTION slope(const Sinc&, T x) {
  const T z = T(3.14159265358979324) * x, t = z * z;
  // The difference loses its digits near 0: there the series of cos z / z - sin z / z².
  const T near =
      z * (t * (T(1.0 / 30) - t * (T(1.0 / 840) - t * (T(1.0 / 45360) - t * T(1.0 / 3991680)))) - T(1.0 / 3));
  return T(3.14159265358979324) * select(t < T(0.25), near, (z * cos(z) - sin(z)) / t);
}

JOIST_FUNCTION value(const Add&, T a, T b) { return a + b; }
JOIST_FUNCTION slope_first(const Add&, T, T) { return T(1.0); }
JOIST_FUNCTION slope_second(const Add&, T, T) { return T(1.0); }

JOIST_FUNCTION value(const Subtract&, T a, T b) { return a - b; }
JOIST_FUNCTION slope_first(const Subtract&, T, T) { return T(1.0); }
JOIST_FUNCTION slope_second(const Subtract&, T, T) { return T(-1.0); }

JOIST_FUNCTION value(const Multiply&, T a, T b) { return a * b; }
JOIST_FUNCTION slope_first(const Multiply&, T, T b) { return b; }
JOIST_FUNCTION slope_second(const Multiply&, T a, T) { return a; }

JOIST_FUNCTION value(const Divide&, T a, T b) { return a / b; }
JOIST_FUNCTION slope_first(const Divide&, T, T b) { return T(1.0) / b; }
JOIST_FUNCTION slope_second(const Divide&, T a, T b) { return T(0.0) - a / (b * b); }

// Like PyTorch's: a result is not a number when either operand is none.
JOIST_FUNCTION value(const Maximum&, T a, T b) { return select(b == b, max(a, b), b); }
JOIST_FUNCTION slope_first(const Maximum&, T a, T b) { return select(a > b, T(1.0), select(a < b, T(0.0), T(0.5))); }
JOIST_FUNCTION slope_second(const Maximum&, T a, T b) { return slope_first(Maximum{}, b, a); }

JOIST_FUNCTION value(const Minimum&, T a, T b) { return select(b == b, min(a, b), b); }
JOIST_FUNCTION slope_first(const Minimum&, T a, T b) { return slope_first(Maximum{}, b, a); }
JOIST_FUNCTION slope_second(const Minimum&, T a, T b) { return slope_first(Maximum{}, a, b); }

JOIST_FUNCTION value(const BinaryCrossEntropy&, T a, T b) {
  return max(a, T(0.0)) - a * b + log1p(exp(T(0.0) - abs(a)));
}
JOIST_FUNCTION slope_first(const BinaryCrossEntropy&, T a, T b) { return value(Sigmoid{}, a) - b; }
JOIST_FUNCTION slope_second(const BinaryCrossEntropy&, T a, T) { return T(0.0) - a; }

JOIST_FUNCTION value(const PowerOf&, T a, T b) { return pow(a, b); }
JOIST_FUNCTION slope_first(const PowerOf&, T a, T b) { return select(b == T(0.0), T(0.0), b * pow(a, b - T(1.0))); }
JOIST_FUNCTION slope_second(const PowerOf&, T a, T b) {
  const T y = pow(a, b) * log(a);
  return select(a == T(0.0), select(b < T(0.0), y, T(0.0)), y);
}

JOIST_FUNCTION value(const ArcTangent2&, T a, T b) { return atan2(a, b); }
JOIST_FUNCTION slope_first(const ArcTangent2&, T a, T b) { return b / (a * a + b * b); }
JOIST_FUNCTION slope_second(const ArcTangent2&, T a, T b) { return T(0.0) - a / (a * a + b * b); }

JOIST_FUNCTION value(const Hypotenuse&, T a, T b) { return hypot(a, b); }
JOIST_FUNCTION slope_first(const Hypotenuse&, T a, T b) { return a / hypot(a, b); }
JOIST_FUNCTION slope_second(const Hypotenuse&, T a, T b) { return b / hypot(a, b); }

// Exact remainders with the divisor's sign (Remainder, Python's %) and the dividend's (TruncatedRemainder, C's fmod).
JOIST_FUNCTION value(const Remainder&, T a, T b) {
  const T r = fmod(a, b);
  return select(r == T(0.0), r, select(r < T(0.0), select(b > T(0.0), r + b, r), select(b < T(0.0), r + b, r)));
}
JOIST_FUNCTION slope_first(const Remainder&, T, T) { return T(1.0); }
JOIST_FUNCTION slope_second(const Remainder&, T a, T b) {
  return T(0.0) - round_even((a - value(Remainder{}, a, b)) / b);  // ⌊a / b⌋ without its rounding
}

JOIST_FUNCTION value(const TruncatedRemainder&, T a, T b) { return fmod(a, b); }
JOIST_FUNCTION slope_first(const TruncatedRemainder&, T, T) { return T(1.0); }
JOIST_FUNCTION slope_second(const TruncatedRemainder&, T a, T b) { return T(0.0) - round_even((a - fmod(a, b)) / b); }

JOIST_FUNCTION value(const FloorDivide&, T a, T b) {
  const T q = (a - value(Remainder{}, a, b)) / b;
  return select(b == T(0.0), a / b, round_even(q));
}
JOIST_FUNCTION slope_first(const FloorDivide&, T, T) { return T(0.0); }
JOIST_FUNCTION slope_second(const FloorDivide&, T, T) { return T(0.0); }

JOIST_FUNCTION value(const TruncatedDivide&, T a, T b) { return trunc(a / b); }
JOIST_FUNCTION slope_first(const TruncatedDivide&, T, T) { return T(0.0); }
JOIST_FUNCTION slope_second(const TruncatedDivide&, T, T) { return T(0.0); }

JOIST_FUNCTION value(const XLogY&, T a, T b) { return select(b == b, select(a == T(0.0), T(0.0), a * log(b)), b); }
JOIST_FUNCTION slope_first(const XLogY&, T a, T b) {
  return select(a == T(0.0), select(b > T(0.0), log(b), T(0.0)), log(b));
}
JOIST_FUNCTION slope_second(const XLogY&, T a, T b) { return a / b; }

JOIST_FUNCTION value(const XLogOnePlusY&, T a, T b) {
  return select(b == b, select(a == T(0.0), T(0.0), a * log1p_exact(b)), b);
}
JOIST_FUNCTION slope_first(const XLogOnePlusY&, T a, T b) {
  return select(a == T(0.0), select(b > T(-1.0), log1p_exact(b), T(0.0)), log1p_exact(b));
}
JOIST_FUNCTION slope_second(const XLogOnePlusY&, T a, T b) { return a / (T(1.0) + b); }

// Equal infinities give themselves.
JOIST_FUNCTION value(const LogAddExp&, T a, T b) {
  const T top = value(Maximum{}, a, b);
  return select(a == b, a + T(0.69314718055994531), top + log1p(exp(T(0.0) - abs(a - b))));
}
JOIST_FUNCTION slope_first(const LogAddExp&, T a, T b) { return select(a == b, T(0.5), value(Sigmoid{}, a - b)); }
JOIST_FUNCTION slope_second(const LogAddExp&, T a, T b) { return slope_first(LogAddExp{}, b, a); }

JOIST_FUNCTION value(const CopySign&, T a, T b) { return copysign(a, b); }
JOIST_FUNCTION slope_first(const CopySign&, T a, T b) {
  return select(a == T(0.0), T(0.0), copysign(T(1.0), b) * slope(Absolute{}, a));
}
JOIST_FUNCTION slope_second(const CopySign&, T, T) { return T(0.0); }

// b is the slope for negative a.
JOIST_FUNCTION value(const ParametricRelu&, T a, T b) { return select(a > T(0.0), a, a * b); }
JOIST_FUNCTION slope_first(const ParametricRelu&, T a, T b) { return select(a > T(0.0), T(1.0), b); }
JOIST_FUNCTION slope_second(const ParametricRelu&, T a, T) { return select(a > T(0.0), T(0.0), a); }

// The larger (smaller) of two; a NaN only when both are.
JOIST_FUNCTION value(const NumberMaximum&, T a, T b) { return select(a == a, select(b == b, max(a, b), a), b); }
JOIST_FUNCTION slope_first(const NumberMaximum&, T a, T b) {
  return select(b == b, select(a == a, select(a < b, T(0.0), T(1.0)), T(0.0)), T(1.0));
}
JOIST_FUNCTION slope_second(const NumberMaximum&, T a, T b) { return T(1.0) - slope_first(NumberMaximum{}, a, b); }

JOIST_FUNCTION value(const NumberMinimum&, T a, T b) { return select(a == a, select(b == b, min(a, b), a), b); }
JOIST_FUNCTION slope_first(const NumberMinimum&, T a, T b) {
  return select(b == b, select(a == a, select(a > b, T(0.0), T(1.0)), T(0.0)), T(1.0));
}
JOIST_FUNCTION slope_second(const NumberMinimum&, T a, T b) { return T(1.0) - slope_first(NumberMinimum{}, a, b); }

JOIST_FUNCTION value(const AddRelu&, T a, T b) { return max(a + b, T(0.0)); }
JOIST_FUNCTION slope_first(const AddRelu&, T a, T b) { return slope(Relu{}, a + b); }
JOIST_FUNCTION slope_second(const AddRelu&, T a, T b) { return slope(Relu{}, a + b); }

JOIST_FUNCTION value(const SquaredDifference&, T a, T b) { return (a - b) * (a - b); }
JOIST_FUNCTION slope_first(const SquaredDifference&, T a, T b) { return (a - b) + (a - b); }
JOIST_FUNCTION slope_second(const SquaredDifference&, T a, T b) { return (b - a) + (b - a); }

JOIST_FUNCTION value(const AbsoluteDifference&, T a, T b) { return abs(a - b); }
JOIST_FUNCTION slope_first(const AbsoluteDifference&, T a, T b) { return slope(Absolute{}, a - b); }
JOIST_FUNCTION slope_second(const AbsoluteDifference&, T a, T b) { return slope(Absolute{}, b - a); }

// d = |a - b|: d² / 2 below delta, delta (d - delta / 2) above; with `scaled` divided by delta (smooth L1).
JOIST_FUNCTION value(const HuberDifference& f, T a, T b) {
  const T d = abs(a - b), delta(f.delta);
  return select(d < delta, T(0.5) * d * d, delta * (d - T(0.5) * delta)) * T(f.scaled ? 1.0 / f.delta : 1.0);
}
JOIST_FUNCTION slope_first(const HuberDifference& f, T a, T b) {
  return min(max(a - b, T(-f.delta)), T(f.delta)) * T(f.scaled ? 1.0 / f.delta : 1.0);
}
JOIST_FUNCTION slope_second(const HuberDifference& f, T a, T b) { return slope_first(f, b, a); }

// a: probability, b: target. Logarithms not below -100, as in PyTorch.
JOIST_FUNCTION value(const ProbabilityCrossEntropy&, T a, T b) {
  return T(0.0) - (b * max(log(a), T(-100.0)) + (T(1.0) - b) * max(log1p_exact(T(0.0) - a), T(-100.0)));
}
JOIST_FUNCTION slope_first(const ProbabilityCrossEntropy&, T a, T b) {
  return (a - b) / max(a * (T(1.0) - a), T(1e-12));
}
JOIST_FUNCTION slope_second(const ProbabilityCrossEntropy&, T a, T) {
  return max(log1p_exact(T(0.0) - a), T(-100.0)) - max(log(a), T(-100.0));
}

// a: logit, b: target. wrong = σ(a) (1 - b) + σ(-a) b; both sigmoids, since 1 - σ(a) would lose its digits.
JOIST_FUNCTION focal_weight(const FocalCrossEntropy& f, T b) {
  return f.alpha < 0 ? T(1.0) : T(1.0 - f.alpha) + T(2.0 * f.alpha - 1.0) * b;
}
JOIST_FUNCTION focal_wrong(T a, T b) {
  return value(Sigmoid{}, a) * (T(1.0) - b) + value(Sigmoid{}, T(0.0) - a) * b;
}
// Derivative of wrong^gamma, without the factor d wrong.
JOIST_FUNCTION focal_power_slope(const FocalCrossEntropy& f, T wrong) {
  return f.gamma == 0 ? T(0.0) : T(f.gamma) * pow(wrong, f.gamma - 1.0);
}
JOIST_FUNCTION value(const FocalCrossEntropy& f, T a, T b) {
  return focal_weight(f, b) * pow(focal_wrong(a, b), f.gamma) * value(BinaryCrossEntropy{}, a, b);
}
JOIST_FUNCTION slope_first(const FocalCrossEntropy& f, T a, T b) {
  const T p = value(Sigmoid{}, a), n = value(Sigmoid{}, T(0.0) - a), wrong = p * (T(1.0) - b) + n * b;
  return focal_weight(f, b) *
         ((p * (T(1.0) - b) - n * b) * pow(wrong, f.gamma) +
          value(BinaryCrossEntropy{}, a, b) * focal_power_slope(f, wrong) * p * n * (T(1.0) - b - b));
}
JOIST_FUNCTION slope_second(const FocalCrossEntropy& f, T a, T b) {
  const T wrong = focal_wrong(a, b), entropy = value(BinaryCrossEntropy{}, a, b), power = pow(wrong, f.gamma);
  const T weight_slope = f.alpha < 0 ? T(0.0) : T(2.0 * f.alpha - 1.0);
  const T tilt = value(Sigmoid{}, T(0.0) - a) - value(Sigmoid{}, a);
  return weight_slope * power * entropy +
         focal_weight(f, b) * (entropy * focal_power_slope(f, wrong) * tilt - a * power);
}
