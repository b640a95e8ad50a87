data "aws_iam_policy_document" "ecs_tasks" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

# What the code in the container may do.
resource "aws_iam_role" "task" {
  name               = "orders-api-task"
  assume_role_policy = data.aws_iam_policy_document.ecs_tasks.json
}

# To hear notices and to report.
resource "aws_iam_role_policy_attachment" "subscriber" {
  role       = aws_iam_role.task.name
  policy_arn = data.aws_cloudformation_stack.keyturn.outputs["SubscriberPolicyArn"]
}

# To read its own secret, and no other. A secret under a key of your own needs kms:Decrypt on it too.
data "aws_iam_policy_document" "own_secret" {
  statement {
    actions   = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
    resources = [local.secret_arn]
  }
}

resource "aws_iam_role_policy" "own_secret" {
  name   = "own-secret"
  role   = aws_iam_role.task.id
  policy = data.aws_iam_policy_document.own_secret.json
}

# What ECS does to start it: pull the image, write logs. It injects no secret, so it needs none.
resource "aws_iam_role" "execution" {
  name               = "orders-api-execution"
  assume_role_policy = data.aws_iam_policy_document.ecs_tasks.json
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_cloudwatch_log_group" "orders" {
  name              = "/ecs/orders-api"
  retention_in_days = 30
}

resource "aws_ecs_task_definition" "orders" {
  family                   = "orders-api"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  task_role_arn            = aws_iam_role.task.arn
  execution_role_arn       = aws_iam_role.execution.arn

  container_definitions = jsonencode([
    {
      name      = "orders-api"
      image     = var.image
      essential = true

      portMappings = [{ containerPort = 3000 }]

      environment = [
        { name = "HOST", value = "0.0.0.0" },
        # By this redeploy finds the service too.
        { name = "DB_SECRET_ID", value = local.secret_arn },
        # RDS's secret names neither.
        { name = "DB_HOST", value = aws_db_instance.orders.address },
        { name = "DB_NAME", value = aws_db_instance.orders.db_name },
        # RDS's authorities, which the image brings: README.md has the line of its Dockerfile.
        { name = "NODE_EXTRA_CA_CERTS", value = "/etc/ssl/rds/global-bundle.pem" },
        { name = "KEYTURN_CHANNEL_URL", value = "wss://${data.aws_iot_endpoint.channel.endpoint_address}/mqtt" },
        { name = "KEYTURN_TOPIC_PREFIX", value = "keyturn/${var.keyturn_stage}" },
      ]

      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = aws_cloudwatch_log_group.orders.name
          awslogs-region        = var.region
          awslogs-stream-prefix = "orders-api"
        }
      }
    },
  ])
}

resource "aws_ecs_service" "orders" {
  name            = "orders-api"
  cluster         = var.cluster
  task_definition = aws_ecs_task_definition.orders.arn
  desired_count   = 2
  launch_type     = "FARGATE"

  network_configuration {
    subnets         = var.private_subnet_ids
    security_groups = [aws_security_group.service.id]
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  # A policy that is attached too late would fail the first tasks.
  depends_on = [
    aws_iam_role_policy.own_secret,
    aws_iam_role_policy_attachment.execution,
    aws_iam_role_policy_attachment.subscriber,
  ]
}
