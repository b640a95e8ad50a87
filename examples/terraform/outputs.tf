output "secret_arn" {
  description = "To look the secret up in Keyturn."
  value       = local.secret_arn
}
