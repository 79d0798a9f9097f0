// value(f, x) and slope(f, x) = d value / dx of every function in elementwise.h; for two operands value(f, a, b),
// slope_first and slope_second. No include guard: each backend includes this into a namespace of its own that provides
// JOIST_FUNCTION, exp, log, log1p, sqrt, sin, cos, pow, tanh, erf, abs, min, max and select for its number type T,
// which also has the arithmetic and comparison operators and construction from float.

JOIST_FUNCTION value(const Identity&, T x) { return x; }
JOIST_FUNCTION slope(const Identity&, T) { return T(1.0F); }

JOIST_FUNCTION value(const Affine& f, T x) { return T(f.scale) * x + T(f.shift); }
JOIST_FUNCTION slope(const Affine& f, T) { return T(f.scale); }

JOIST_FUNCTION value(const Absolute&, T x) { return abs(x); }
JOIST_FUNCTION slope(const Absolute&, T x) {
  return select(x > T(0.0F), T(1.0F), select(x < T(0.0F), T(-1.0F), T(0.0F)));
}

JOIST_FUNCTION value(const Square&, T x) { return x * x; }
JOIST_FUNCTION slope(const Square&, T x) { return x + x; }

JOIST_FUNCTION value(const SquareRoot&, T x) { return sqrt(x); }
JOIST_FUNCTION slope(const SquareRoot&, T x) { return T(0.5F) / sqrt(x); }

JOIST_FUNCTION value(const Reciprocal&, T x) { return T(1.0F) / x; }
JOIST_FUNCTION slope(const Reciprocal&, T x) { return T(-1.0F) / (x * x); }

JOIST_FUNCTION value(const Exponential&, T x) { return exp(x); }
JOIST_FUNCTION slope(const Exponential&, T x) { return exp(x); }

JOIST_FUNCTION value(const Logarithm&, T x) { return log(x); }
JOIST_FUNCTION slope(const Logarithm&, T x) { return T(1.0F) / x; }

JOIST_FUNCTION value(const Sine&, T x) { return sin(x); }
JOIST_FUNCTION slope(const Sine&, T x) { return cos(x); }

JOIST_FUNCTION value(const Cosine&, T x) { return cos(x); }
JOIST_FUNCTION slope(const Cosine&, T x) { return T(0.0F) - sin(x); }

JOIST_FUNCTION value(const Power& f, T x) { return pow(x, f.exponent); }
JOIST_FUNCTION slope(const Power& f, T x) { return T(f.exponent) * pow(x, f.exponent - 1.0F); }

JOIST_FUNCTION value(const HyperbolicTangent&, T x) { return tanh(x); }
JOIST_FUNCTION slope(const HyperbolicTangent&, T x) {
  const T y = tanh(x);
  return T(1.0F) - y * y;
}

JOIST_FUNCTION value(const Sigmoid&, T x) { return T(1.0F) / (T(1.0F) + exp(T(0.0F) - x)); }
JOIST_FUNCTION slope(const Sigmoid&, T x) {
  const T y = value(Sigmoid{}, x);
  return y * (T(1.0F) - y);
}

JOIST_FUNCTION value(const Relu&, T x) { return max(x, T(0.0F)); }
JOIST_FUNCTION slope(const Relu&, T x) { return select(x > T(0.0F), T(1.0F), T(0.0F)); }

JOIST_FUNCTION value(const LeakyRelu& f, T x) { return select(x > T(0.0F), x, T(f.slope) * x); }
JOIST_FUNCTION slope(const LeakyRelu& f, T x) { return select(x > T(0.0F), T(1.0F), T(f.slope)); }

JOIST_FUNCTION value(const Elu& f, T x) {
  return select(x > T(0.0F), x, T(f.alpha) * (exp(min(x, T(0.0F))) - T(1.0F)));
}
JOIST_FUNCTION slope(const Elu& f, T x) { return select(x > T(0.0F), T(1.0F), T(f.alpha) * exp(min(x, T(0.0F)))); }

JOIST_FUNCTION value(const Clamp& f, T x) { return min(max(x, T(f.low)), T(f.high)); }
JOIST_FUNCTION slope(const Clamp& f, T x) {
  return select(x > T(f.low), select(x < T(f.high), T(1.0F), T(0.0F)), T(0.0F));
}

JOIST_FUNCTION value(const Silu&, T x) { return x / (T(1.0F) + exp(T(0.0F) - x)); }
JOIST_FUNCTION slope(const Silu&, T x) {
  const T y = value(Sigmoid{}, x);
  return y * (T(1.0F) + x * (T(1.0F) - y));
}

JOIST_FUNCTION value(const Gelu&, T x) { return T(0.5F) * x * (T(1.0F) + erf(x * T(0.70710678118654752F))); }
JOIST_FUNCTION slope(const Gelu&, T x) {
  return T(0.5F) * (T(1.0F) + erf(x * T(0.70710678118654752F))) + x * T(0.39894228040143268F) * exp(T(-0.5F) * x * x);
}

JOIST_FUNCTION value(const GeluTanh&, T x) {
  return T(0.5F) * x * (T(1.0F) + tanh(T(0.79788456080286536F) * (x + T(0.044715F) * x * x * x)));
}
JOIST_FUNCTION slope(const GeluTanh&, T x) {
  const T y = tanh(T(0.79788456080286536F) * (x + T(0.044715F) * x * x * x));
  return T(0.5F) * (T(1.0F) + y) +
         T(0.5F) * x * (T(1.0F) - y * y) * T(0.79788456080286536F) * (T(1.0F) + T(3.0F * 0.044715F) * x * x);
}

JOIST_FUNCTION value(const HardSigmoid&, T x) { return min(max(x * T(1.0F / 6.0F) + T(0.5F), T(0.0F)), T(1.0F)); }
JOIST_FUNCTION slope(const HardSigmoid&, T x) {
  return select(x > T(-3.0F), select(x < T(3.0F), T(1.0F / 6.0F), T(0.0F)), T(0.0F));
}

JOIST_FUNCTION value(const HardSwish&, T x) { return x * value(HardSigmoid{}, x); }
JOIST_FUNCTION slope(const HardSwish&, T x) {
  return select(x > T(-3.0F), select(x < T(3.0F), x * T(1.0F / 3.0F) + T(0.5F), T(1.0F)), T(0.0F));
}

JOIST_FUNCTION value(const Softplus&, T x) { return max(x, T(0.0F)) + log1p(exp(T(0.0F) - abs(x))); }
JOIST_FUNCTION slope(const Softplus&, T x) { return value(Sigmoid{}, x); }

JOIST_FUNCTION value(const Add&, T a, T b) { return a + b; }
JOIST_FUNCTION slope_first(const Add&, T, T) { return T(1.0F); }
JOIST_FUNCTION slope_second(const Add&, T, T) { return T(1.0F); }

JOIST_FUNCTION value(const Subtract&, T a, T b) { return a - b; }
JOIST_FUNCTION slope_first(const Subtract&, T, T) { return T(1.0F); }
JOIST_FUNCTION slope_second(const Subtract&, T, T) { return T(-1.0F); }

JOIST_FUNCTION value(const Multiply&, T a, T b) { return a * b; }
JOIST_FUNCTION slope_first(const Multiply&, T, T b) { return b; }
JOIST_FUNCTION slope_second(const Multiply&, T a, T) { return a; }

JOIST_FUNCTION value(const Divide&, T a, T b) { return a / b; }
JOIST_FUNCTION slope_first(const Divide&, T, T b) { return T(1.0F) / b; }
JOIST_FUNCTION slope_second(const Divide&, T a, T b) { return T(0.0F) - a / (b * b); }

// Like PyTorch's: a result is not a number when either operand is none.
JOIST_FUNCTION value(const Maximum&, T a, T b) { return select(b == b, max(a, b), b); }
JOIST_FUNCTION slope_first(const Maximum&, T a, T b) { return select(a > b, T(1.0F), select(a < b, T(0.0F), T(0.5F))); }
JOIST_FUNCTION slope_second(const Maximum&, T a, T b) { return slope_first(Maximum{}, b, a); }

JOIST_FUNCTION value(const Minimum&, T a, T b) { return select(b == b, min(a, b), b); }
JOIST_FUNCTION slope_first(const Minimum&, T a, T b) { return slope_first(Maximum{}, b, a); }
JOIST_FUNCTION slope_second(const Minimum&, T a, T b) { return slope_first(Maximum{}, a, b); }

JOIST_FUNCTION value(const BinaryCrossEntropy&, T a, T b) {
  return max(a, T(0.0F)) - a * b + log1p(exp(T(0.0F) - abs(a)));
}
JOIST_FUNCTION slope_first(const BinaryCrossEntropy&, T a, T b) { return value(Sigmoid{}, a) - b; }
JOIST_FUNCTION slope_second(const BinaryCrossEntropy&, T a, T) { return T(0.0F) - a; }
