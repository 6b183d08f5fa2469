"""Which inputs PyTorch differentiates: made by ``tools/derivatives.py`` from PyTorch 2.13.0, not by hand.

A line for each function: its name, and patterns of inputs that were seen, an ``f`` for each that can require grad.
After ``=`` stands what was seen along each input: 1 a gradient goes on, 0 none does, u None does, m one of
the two, ? not one thing.
Without it a gradient goes on along every f, to every input from every output.
"""

from __future__ import annotations

from functools import cache

_ARITIES = 3  # a function seen with so many lengths of lists takes lists of any length


@cache
def sends(target: str, pattern: str) -> str | None:
    """What goes on along each input of a function, as letters; None if it was never seen like this.

    >>> sends("linear", "fff"), sends("cat", "f" * 9), sends("linear", "iii")
    ('111', '111111111', None)
    """
    seen = _patterns().get(target, {})
    if pattern in seen:
        return seen[pattern]
    lists = [letters for of, letters in seen.items() if set(of) == {"f"}]
    of_any_length = len(lists) >= _ARITIES and set("".join(lists)) == {"1"} and set(pattern) == {"f"}
    return "1" * len(pattern) if of_any_length else None


@cache
def _patterns() -> dict[str, dict[str, str]]:
    found = {}
    for line in TABLE.split("\n"):
        target, *patterns = line.split()
        rows = (pattern.partition("=") for pattern in patterns)
        found[target] = {of: letters or of.replace("f", "1").replace("i", "0") for of, _, letters in rows}
    return found


TABLE = """\
H f
T f
_safe_softmax f
_softmax_backward_data ff
_sparse_mm ff=?1
_threshold f
_unsafe_masked_index fiii fiiii
_unsafe_masked_index_put_accumulate fiiif fiiiif
_upsample_bilinear2d_aa f
abs f
abs_ f
acos f
acos_ f
acosh f
adaptive_avg_pool1d f
adaptive_avg_pool2d f
adaptive_avg_pool3d f
adaptive_max_pool1d f
adaptive_max_pool1d_with_indices f
adaptive_max_pool2d f
adaptive_max_pool2d_with_indices f
adaptive_max_pool3d f
adaptive_max_pool3d_with_indices f
add f ff
add_ ff
addbmm fff
addbmm_ fff
addcdiv fff
addcdiv_ fff
addcmul fff
addcmul_ fff
addmm fff
addmm_ fff
addmv fff
addmv_ fff
addr fff
addr_ fff
alias_copy f
alpha_dropout f
amax f
amin f
aminmax f
angle f
as_strided f
as_strided_ f
as_strided_copy f
as_strided_scatter ff
asin f
asin_ f
asinh f
atan f
atan2 ff
atan2_ ff
atan_ f
atanh f
avg_pool1d f
avg_pool2d f
avg_pool3d f
baddbmm fff
baddbmm_ fff
batch_norm f fff=1?? fffff=1??11
bernoulli f
bfloat16 f
bilinear fff ffff
binary_cross_entropy ff fff=11?
binary_cross_entropy_with_logits ff fff=11?
block_diag ff fff
bmm ff
broadcast_to f
cartesian_prod ff fff
cat f ff fff ffff
cauchy_ f
cdist ff
cdouble f
ceil f
ceil_ f
celu f
cfloat f
chalf f
channel_shuffle f
cholesky f
cholesky_inverse f
cholesky_solve ff
chunk f
clamp ff fff ffi fi
clamp_ ff fff ffi fi
clamp_max ff
clamp_max_ ff
clamp_min ff
clamp_min_ ff
clone f
column_stack ff
combinations f
complex ff
conj f
conj_physical f
conj_physical_ f
constant_pad_nd f
conv1d ff fff
conv2d ff fff
conv3d ff fff
conv_transpose1d ff fff
conv_transpose2d ff fff
conv_transpose3d ff fff
copy_ ff
copysign f ff
copysign_ f ff
corrcoef f
cos f
cos_ f
cosh f
cosh_ f
cosine_embedding_loss fff=110
cosine_similarity ff
cov f ff fi fif
cross ff
cross_entropy ff fff fi fif=10?
ctc_loss fi fiii
cummax f
cummin f
cumprod f
cumprod_ f
cumsum f
cumsum_ f
cumulative_trapezoid f ff
deg2rad f
deg2rad_ f
diag f
diag_embed f
diagflat f
diagonal f
diagonal_copy f
diagonal_scatter ff
diff f
digamma f
digamma_ f
dist ff
div f ff fi
div_ ff
divide ff=1? fi
dot ff
double f
dropout f
dropout2d f
dropout3d f
dsplit f
dstack fff
einsum f ff fff
elu f
embedding_bag if ifi
eq_ ff
erf f
erf_ f
erfc f
erfc_ f
erfinv f
erfinv_ f
exp f
exp2 f
exp2_ f
exp_ f
expand f
expand_as ff=10
expand_copy f
expm1 f
expm1_ f
exponential_ f
feature_alpha_dropout f
fft_fft f
fft_fft2 f
fft_fftn f
fft_fftshift f
fft_hfft f
fft_hfft2 f
fft_hfftn f
fft_ifft f
fft_ifft2 f
fft_ifftn f
fft_ifftshift f
fft_ihfft f
fft_ihfft2 f
fft_ihfftn f
fft_irfft f
fft_irfft2 f
fft_irfftn f
fft_rfft f
fft_rfft2 f
fft_rfftn f
fill f
fill_ f
flatten f
flip f
fliplr f
flipud f
float f
float_power ff
floor f
floor_ f
fmax ff
fmin ff
fmod ff
fmod_ ff
frac f
frac_ f
fractional_max_pool2d f
fractional_max_pool2d_with_indices f
fractional_max_pool3d f
fractional_max_pool3d_with_indices f
frexp f
gather fi
gaussian_nll_loss fff
ge_ ff
gelu f
geometric_ f
getitem f fi fii
glu f
gradient f fff=1??
grid_sample ff
grid_sampler_2d ff
grid_sampler_3d ff
group_norm f ff fff
gru ffffff ffffffffff
gru_cell ffffff
gt_ ff
gumbel_softmax f
half f
hardshrink f
hardsigmoid f
hardswish f
hardtanh f
hinge_embedding_loss ff=10
histc f=0
hsplit f
hstack fff ffff
huber_loss ff
hypot ff
hypot_ ff
i0 f
i0_ f
igamma ff=?1
igamma_ ff=?1
igammac ff=?1
igammac_ ff=?1
imag f
index_add fif
index_add_ fif
index_copy fif
index_copy_ fif
index_fill fi fif
index_fill_ fi fif
index_put fif
index_put_ fif
index_reduce fif
index_reduce_ fif
index_select fi
inner ff
instance_norm f ff
interpolate f
istft f
kl_div ff
kron ff
kthvalue f
l1_loss ff
layer_norm f ff fff
ldexp ff
ldexp_ ff
le_ ff
leaky_relu f
lerp ff fff
lerp_ ff fff
lgamma f
lgamma_ f
linalg_cholesky f
linalg_cholesky_ex f
linalg_cond f
linalg_cross ff
linalg_det f
linalg_diagonal f
linalg_eig f
linalg_eigh f
linalg_eigvals f
linalg_eigvalsh f
linalg_householder_product ff=mm
linalg_inv f
linalg_inv_ex f
linalg_lu_factor f
linalg_lu_factor_ex f
linalg_lu_solve fif
linalg_matrix_norm f
linalg_matrix_power f
linalg_multi_dot ff fff fffff
linalg_norm f=m
linalg_pinv f ff=1?
linalg_qr f
linalg_slogdet f=m
linalg_solve ff
linalg_solve_ex ff
linalg_solve_triangular ff
linalg_svd f
linalg_svdvals f
linalg_tensorinv f
linalg_tensorsolve ff
linalg_vander f
linalg_vecdot ff
linalg_vector_norm f=m
linear ff fff
linear_cross_entropy fff ffff=111? ffi ffif=110?
linspace f=0 fi=00
local_response_norm f
log f
log10 f
log10_ f
log1p f
log1p_ f
log2 f
log2_ f
log_ f
log_normal_ f
log_sigmoid f
log_softmax f
logaddexp ff
logaddexp2 ff
logcumsumexp f
logdet f
logical_and_ ff=00
logical_not_ f=0
logical_or_ ff=00
logical_xor_ ff=00
logit f
logit_ f
logsumexp f
lp_pool1d f
lp_pool2d f
lp_pool3d f
lstm fffffff fffffffff fffffffffff
lt_ ff
lu f
lu_solve ffi
mH f
mT f
margin_ranking_loss fff ffi
masked_fill fi fif
masked_fill_ fi fif
masked_scatter fif
masked_scatter_ fif
masked_select fi
matmul ff
matrix_exp f
max f ff
max_pool1d f
max_pool1d_with_indices f
max_pool2d f
max_pool2d_with_indices f
max_pool2d_with_indices_backward ffi=?10
max_pool3d f
max_pool3d_with_indices f
max_unpool1d fi
max_unpool2d fi
max_unpool3d fi
maximum ff
mean f
median f
meshgrid f
min f ff
minimum ff
mish f
mm ff
mode f
movedim f
mse_loss ff
msort f
mul f ff
mul_ ff
multi_head_attention_forward fffff=1??11 fffffff=1??1111 fffffffff=11?111??? ffffffffff=11?111???1
multi_margin_loss fi fif=10?
multilabel_margin_loss fi
multilabel_soft_margin_loss ff fff fi fif=10?
mv ff
mvlgamma f
mvlgamma_ f
nan_to_num f
nan_to_num_ f
nanmean f
nanmedian f
nanquantile f
nansum f
narrow f fi
narrow_copy f
native_dropout_backward fi
native_group_norm fff=mmm
ne_ ff
neg f
neg_ f
nextafter ff
nextafter_ ff
nll_loss fi fif=10?
norm f=m
normal f ff
normal_ f
normalize f
ormqr fff=mm1
outer ff
pad f
pairwise_distance ff
pdist f
permute f
permute_copy f
pinverse f
pixel_shuffle f
pixel_unshuffle f
poisson_nll_loss ff
polar ff
polygamma f
polygamma_ f
pow f ff
pow_ ff
prelu ff
prod f
put fif
put_ fif
qr f
quantile f
rad2deg f
rad2deg_ f
ravel f
rdiv f ff
real f
reciprocal f
reciprocal_ f
relu f
relu6 f
relu_ f
remainder ff
remainder_ ff
renorm f
renorm_ f
repeat f
repeat_interleave f fi
reshape f
reshape_as ff=10
rmatmul ff
rmod ff
rms_norm f ff
rnn_relu ffffff ffffffffff
rnn_relu_cell ffffff
rnn_tanh_cell ffffff
roll f
rot90 f
round f
round_ f
rpow f ff
rrelu f
rsqrt f
rsqrt_ f
rsub f ff
scaled_dot_product_attention fff
scatter fif
scatter_ fif
scatter_add fif
scatter_add_ fif
scatter_reduce fif
scatter_reduce_ fif
segment_reduce fi
select f
select_scatter ff
selu f
setitem f ff fi fif
sgn f
sgn_ f
sigmoid f
sigmoid_ f
sign f
sign_ f
silu f
sin f
sin_ f
sinc f
sinc_ f
sinh f
sinh_ f
slice f
slice_scatter ff
smooth_l1_loss ff
soft_margin_loss ff=1?
softmax f
softmin f
softplus f
softshrink f
softsign f
sort f
special_airy_ai f=0
special_bessel_j0 f=0
special_bessel_j1 f=0
special_bessel_y0 f=0
special_bessel_y1 f=0
special_chebyshev_polynomial_t ff=00
special_chebyshev_polynomial_u ff=00
special_chebyshev_polynomial_v ff=00
special_chebyshev_polynomial_w ff=00
special_entr f
special_erfcx f
special_hermite_polynomial_h ff=00
special_hermite_polynomial_he ff=00
special_i0e f
special_i1 f
special_i1e f
special_laguerre_polynomial_l ff=00
special_legendre_polynomial_p ff=00
special_log_ndtr f
special_modified_bessel_i0 f=0
special_modified_bessel_i1 f=0
special_modified_bessel_k0 f=0
special_modified_bessel_k1 f=0
special_ndtr f
special_ndtri f
special_polygamma f
special_scaled_modified_bessel_k0 f=0
special_scaled_modified_bessel_k1 f=0
special_shifted_chebyshev_polynomial_t ff=00
special_shifted_chebyshev_polynomial_u ff=00
special_shifted_chebyshev_polynomial_v ff=00
special_shifted_chebyshev_polynomial_w ff=00
special_spherical_bessel_j0 f=0
special_xlog1py ff
special_zeta ff=?1
split f
split_with_sizes f
split_with_sizes_copy f
sqrt f
sqrt_ f
square f
square_ f
squeeze f
squeeze_ f
squeeze_copy f
stack f ff fff ffff
std f
std_mean f
stft f ff
sub f ff
sub_ ff
sum f
sum_to_size f
svd f
t f
t_ f
t_copy f
take fi
take_along_dim fi
tan f
tan_ f
tanh f
tanh_ f
tanhshrink f
tensor_split f fi
tensordot ff
tile f
to f ff=10
topk f
trace f
transpose f
transpose_ f
transpose_copy f
trapezoid f ff
trapz f ff
triangular_solve ff
tril f
tril_ f
triplet_margin_loss fff
triplet_margin_with_distance_loss fff
triu f
triu_ f
true_divide ff
true_divide_ ff
trunc f
trunc_ f
type f
unbind f
unbind_copy f
unflatten f
unfold f
unfold_copy f
uniform_ f
unsafe_chunk f
unsafe_split f
unsqueeze f
unsqueeze_ f
unsqueeze_copy f
var f
var_mean f
vdot ff
view f
view_as ff=10
view_as_complex f
view_as_real f
view_copy f
vsplit f
vstack fff ffff
where iff
xlogy ff
xlogy_ ff
zero_ f"""
