# A linear model and a clustering in R.
set.seed(1)
x <- matrix(rnorm(200 * 3), ncol = 3)
y <- x %*% c(1, -2, 0.5) + rnorm(200, sd = 0.1)
model <- lm(y ~ x)
clusters <- kmeans(x, 4)
print(coef(model))
write.csv(data.frame(x, y, cluster = clusters$cluster), "table.csv", row.names = FALSE)
saveRDS(coef(model), "coefficients.rds")
